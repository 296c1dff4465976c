"""A server in a process of its own, with the plugins and weights that are installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(folder: Path, token: str, *options: str) -> Iterator[str]:
    """The URL of one that is ready and asks for `token`; its files are in `folder`."""
    path = folder / "token"
    path.touch(0o600)
    path.write_text(token)
    own = {f"WORKBENCH_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "STATE")}
    words = [sys.executable, "-m", "workbench", "serve", "--port", "0", "--token-file", str(path), *options]
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | own
    ) as process:
        assert process.stderr is not None
        url = ""
        try:
            for line in process.stderr:
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
                url = found[0] if found else url
                if "Ready." in line:
                    break
            yield url
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode in (143, -15)
