"""Lines of JSON that tell whether they are as they were written.

A sealed line is one JSON object. Its last members are the length of what stands before them, in bytes, and a hash:

    {"index": 0, "start": 0.0, ..., "length": 412, "hash": "6a1f0f6d2d64c2b94a38e9cb4f3d0f5e"}

The hash is BLAKE2b, over a seed and those bytes. In a log the seed of a line is the hash of the line before, so a line
that was altered, moved, left out or repeated makes all after it invalid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

_LENGTH, _HASH = b', "length": ', b', "hash": "'


def seal(data: Mapping[str, Any], seed: bytes) -> tuple[bytes, bytes]:
    """The line that holds `data`, with its end, and its hash."""
    text = json.dumps(data, ensure_ascii=False, default=_plain)
    body = text.encode("utf-8", "backslashreplace").removesuffix(b"}")  # half a character becomes JSON's own escape
    digest = _digest(body, seed)
    return b'%b%b%d%b%b"}\n' % (body, _LENGTH, len(body), _HASH, digest), digest


def unseal(line: bytes, seed: bytes) -> tuple[dict[str, Any], bytes] | None:
    """What `seal` was given for `line`, and the hash; None: no such line was sealed with `seed`."""
    body, _, end = line.rpartition(_LENGTH)
    digest = _digest(body, seed)
    if end != b'%d%b%b"}\n' % (len(body), _HASH, digest):
        return None
    try:
        return json.loads(body + b"}"), digest
    except (ValueError, RecursionError):  # sealed by somebody else
        return None


def _digest(body: bytes, seed: bytes) -> bytes:
    return blake2b(body, key=seed, digest_size=16).hexdigest().encode()


def _plain(value: Any) -> object:
    """What is no JSON by itself: times, paths, and NumPy's numbers, from engines."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, PurePath) else float(value)
