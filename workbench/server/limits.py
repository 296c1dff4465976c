"""How much one client, and all of them together, may ask of the server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from workbench.errors import UsageError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is beyond is refused, or held back where it comes too fast. Seconds are wall-clock seconds."""

    connections: int = 2000
    """Open at once, of all clients."""
    sessions: int = 1000
    """Streams, transcriptions, speech and requests to /v1/jobs at once, of all clients."""
    sessions_per_client: int = 100
    """The same, of one address."""
    header_bytes: int = 32_768
    """Of a request line with its headers."""
    headers: int = 100
    message_bytes: int = 1_048_576
    """Of a WebSocket message."""
    text_bytes: int = 65_536
    """Of a WebSocket message in text, and of a body that is no upload."""
    upload_bytes: int = 2_147_483_648
    """Of a body with a file in it."""
    messages_per_s: float = 2_000.0
    """Of a WebSocket. More wait."""
    pace: float = 20.0
    """Seconds of audio that a stream takes in a second. More waits."""
    wrong_messages: int = 20
    """That a stream puts up with."""
    waiting_events: int = 256
    """For a client that is slow to read."""
    handshake_s: float = 10.0
    """From the first byte of a request to the last of its headers."""
    idle_s: float = 60.0
    """Without a byte of a body that is not complete, or a message to a stream."""
    unread_s: float = 10.0
    """That a client may leave what is sent to it unread."""
    ping_s: float = 10.0
    """Between two pings of a WebSocket; an answer may take as long."""
    shutdown_s: int = 2
    """That requests get to end when the server stops."""
    input_chars: int = 4096
    """Of a text to speak."""
    audio_s: float = 12 * 3600.0
    """Of a file."""
    channels: int = 8
    """Of a file."""
    lowest_rate: int = 8_000
    """Hertz, of a file."""
    highest_rate: int = 384_000
    """Hertz, of a file."""
    decode_s: float = 60.0
    """Of a processor that decoding a file may cost, and for each second of audio `decode_factor` more."""
    decode_factor: float = 0.2
    jobs: int = 500
    """Of files that are kept at once, those that are over too."""
    jobs_bytes: int = 21_474_836_480
    """Of all jobs together, with their audio: those that are over go for it, the oldest first."""
    jobs_keep_s: float = 7 * 86_400.0
    """That a job is kept after the last change of it."""


def parse_limits(texts: Iterable[str]) -> Limits:
    """`NAME=VALUE` for each that is not the default. Raises `UsageError`."""
    given: dict[str, Any] = {}
    kinds: dict[str, type[Any]] = {field.name: type(getattr(Limits(), field.name)) for field in fields(Limits)}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in kinds:
            hint = f"Limits: {', '.join(kinds)}."
            raise UsageError(f"--limit {text!r} names no limit{did_you_mean(name, kinds)}", hint=hint)
        try:
            given[name] = kinds[name](value)
        except ValueError:
            raise UsageError(f"--limit {text!r} is no number", hint=f"Write it as {name}=NUMBER.") from None
        if not 0 < given[name] < float("inf"):
            raise UsageError(f"--limit {text!r} must be more than 0", hint=f"Write it as {name}=NUMBER.")
    return Limits(**given)
