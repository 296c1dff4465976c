"""What the user chose for good: config.toml. Its comments survive a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from workbench import paths
from workbench.errors import UsageError, did_you_mean
from workbench.files import write_text
from workbench.profiles.toml_lines import key_lines, line_of, parse

_KEYS: Final = ("profile", "disabled_plugins", "jobs")


def config_file() -> Path:
    return paths.config_dir() / "config.toml"


def read() -> dict[str, Any]:
    """All choices; none where there is no file. Raises `UsageError` when it cannot be read, or a choice is unknown."""
    text = _text()
    choices = _parsed(text)
    for key in choices:
        if key not in _KEYS:
            raise _wrong(text, (key,), f"is not known{did_you_mean(key, _KEYS)}")
    if not isinstance(choices.get("profile", ""), str):
        raise _wrong(text, ("profile",), "must be the name or the file of a profile, in quotes")
    return choices


def located(key: Sequence[str]) -> str:
    """Where the choice of that name stands, as FILE:LINE: NAME. Raises as `read` does."""
    return _located(_text(), key)


def change(key: str, value: Any) -> None:
    """Set one choice, on disk when this returns. Raises `UsageError` or `OutputError`, and nothing has changed then."""
    import tomlkit

    text = _text()
    _parsed(text)
    document = tomlkit.parse(text)
    document[key] = value
    write_text(config_file(), tomlkit.dumps(document))


def _text() -> str:
    path = config_file()
    if not path.is_file():
        return ""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(f"{path} cannot be read: it is not UTF-8 text") from error
    except OSError as error:
        raise _unreadable(f"{path} cannot be read: {error.strerror or error}") from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        return parse(text)
    except ValueError as error:
        raise _unreadable(f"{config_file()}:{error}") from error


def _wrong(text: str, key: Sequence[str], what: str) -> UsageError:
    return _unreadable(f"{_located(text, key)} {what}")


def _located(text: str, key: Sequence[str]) -> str:
    return f"{config_file()}:{line_of(key_lines(text), key)}: {'.'.join(key)}"


def _unreadable(message: str) -> UsageError:
    return UsageError(message, hint="Mend it, or delete it to start afresh.")
