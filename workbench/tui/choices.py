"""What the interface remembers from one run to the next: theme, language, screen, layout, source."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from workbench import paths


@dataclass(frozen=True, slots=True)
class Choices:
    theme: str = "workbench-dark"
    language: str | None = None
    """None: what the environment asks for."""
    screen: str = "live"
    """The mode that was shown last."""
    device: str | None = None
    """What live audio came from last; None: the default device."""
    layout: dict[str, Any] = field(default_factory=dict)
    """What each screen remembers of its panels, under its own name."""
    welcomed: bool = False
    """The first run is over."""


def choices_file() -> Path:
    return paths.state_dir() / "interface.json"


def load() -> tuple[Choices, str]:
    """The choices that were kept, and why they could not be read; empty when they could, or when there were none."""
    path = choices_file()
    try:
        kept = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Choices(), ""
    except (OSError, ValueError, RecursionError) as error:
        return Choices(welcomed=True), f"{path}: {error}"
    if not isinstance(kept, dict):
        return Choices(welcomed=True), f"{path}: holds no table"
    expected = get_type_hints(Choices)
    wrong = [name for name, value in kept.items() if not _fits(value, expected.get(name))]
    known = {f.name for f in fields(Choices)} - set(wrong)
    problem = f"{path}: {', '.join(sorted(wrong))} cannot be used" if wrong else ""
    return Choices(**{name: value for name, value in kept.items() if name in known}), problem


def save(choices: Choices) -> None:
    """Blocks. Raises `OutputError`."""
    from workbench.disk_errors import said_plainly
    from workbench.files import write_atomically

    path = choices_file()
    with said_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(asdict(choices), ensure_ascii=False, indent=1, default=str)
    write_atomically(path, data.encode(), overwrite=True)


def _fits(value: Any, hint: Any) -> bool:
    """Whether `value` can be one of `Choices`. A name that is unknown, as of another version, does no harm."""
    return hint is None or isinstance(value, getattr(hint, "__origin__", hint))
