"""What the user chose for good: config.toml. Its comments survive a change."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from workbench import paths
from workbench.errors import UsageError
from workbench.files import write_text


def config_file() -> Path:
    return paths.config_dir() / "config.toml"


def read() -> dict[str, Any]:
    """All choices; none where there is no file. Raises `UsageError` when it cannot be read."""
    return tomllib.loads(_text())


def change(key: str, value: Any) -> None:
    """Set one choice, on disk when this returns. Raises `UsageError` or `OutputError`, and nothing has changed then."""
    import tomlkit

    document = tomlkit.parse(_text())
    document[key] = value
    write_text(config_file(), tomlkit.dumps(document))


def _text() -> str:
    """Valid TOML."""
    path = config_file()
    if not path.is_file():
        return ""
    try:
        text = path.read_text("utf-8")
        tomllib.loads(text)
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="Mend it, or delete it to start afresh.") from error
    return text
