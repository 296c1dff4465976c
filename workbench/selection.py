"""Which session or job a user means: by name, by how it begins, or "last", the newest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from workbench.errors import UsageError, did_you_mean

LAST: Final = "last"
T = TypeVar("T")


def one_called(name: str, known: Mapping[str, T], noun: str) -> T:
    """The one of that name, or the only one whose name begins so; `LAST`: the newest.

    `known` is by name, at least one, the newest first; `noun` says what they are, and which command lists them. Raises
    `UsageError`.
    """
    if name == LAST:
        return next(iter(known.values()))
    matching = [name] if name in known else [one for one in known if name and one.startswith(name)]
    if len(matching) == 1:
        return known[matching[0]]
    if matching:
        shown = ", ".join(matching[:5]) + (", ..." if len(matching) > 5 else "")
        raise UsageError(f"{len(matching)} {noun}s are called {name!r}...", hint=f"Say which: {shown}")
    raise UsageError(f"there is no {noun} {name!r}{did_you_mean(name, known)}", hint=f"To see them: workbench {noun}s")
