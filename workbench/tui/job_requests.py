"""From what is typed on the screen of jobs to requests for the queue. All functions block."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from workbench.engines import Settings
from workbench.errors import UsageError
from workbench.jobs.folders import is_media, media_files
from workbench.jobs.request import Request
from workbench.outputs import targets
from workbench.plugins import Registry
from workbench.profiles import store
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.subtitles import Show
from workbench.tui import profiles
from workbench.tui.texts import _

_LONGEST: Final = 200
"""Characters of what was typed that an error repeats."""


@dataclass(frozen=True, slots=True)
class JobChoice:
    """What to make of which files."""

    files: tuple[Path, ...]
    formats: tuple[str, ...]
    language: str | None
    """BCP-47; None: to be found out."""
    target_language: str | None
    show: Show
    """What of a translated caption subtitles have."""
    folder: Path | None
    """Where subtitles go; None: beside each file."""


def files_of(typed: str, *, recursive: bool = False) -> tuple[Path, ...]:
    """The files that are meant: a path, or several as a shell takes them; of folders the media files in them.

    Raises `UsageError`, `InputError`.
    """
    try:
        found = [file for path in _paths(typed) for file in _files(path, recursive)]
    except (OSError, RuntimeError, ValueError):  # a name that is too long; nobody's home; a quote that is not closed
        raise _no_file(typed[:_LONGEST]) from None
    if not found:
        raise UsageError(_("Type the path of a file or a folder."))
    return tuple(dict.fromkeys(found))


def _paths(typed: str) -> list[Path]:
    """What terminals paste for files that are dropped on them is quoted."""
    whole = Path(typed.strip()).expanduser()
    if not typed.strip() or whole.exists():
        return [whole] if typed.strip() else []
    return [Path(part).expanduser() for part in shlex.split(typed)]


def _files(path: Path, recursive: bool) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise _no_file(str(path))
    if not (media := media_files(path, recursive=recursive)):
        hint = _("Folders in it count when that is chosen.") if not recursive else ""
        raise UsageError(_("There is no audio or video in {path}", path=path), hint=hint)
    return media


def _no_file(path: str) -> UsageError:
    return UsageError(_("There is no file {path}", path=path), hint=_("The right arrow key completes a path."))


def completed(typed: str) -> str | None:
    """`typed`, with the name of the first folder or media file that begins with its last part; None: there is none."""
    folder, wanted = os.path.split(typed)
    try:
        with os.scandir(Path(folder or ".").expanduser()) as found:
            names = sorted(entry.name + "/" * entry.is_dir() for entry in found if _fits(entry, wanted))
    except (OSError, RuntimeError):
        return None
    return os.path.join(folder, names[0]) if names else None


def _fits(entry: os.DirEntry[str], wanted: str) -> bool:
    is_meant = entry.name.startswith(wanted) and (wanted != "" or not entry.name.startswith("."))
    return is_meant and entry.name != wanted and (entry.is_dir() or is_media(Path(entry.name)))


def requests(wanted: JobChoice, profile: Profile, session: Session) -> list[Request]:
    """Raises `UsageError` when two files would be written to one place."""
    translated = wanted.show != "source"
    found = targets(
        wanted.files,
        wanted.formats,
        session.formats(),
        output=None if wanted.folder is None else f"{wanted.folder.expanduser()}/",
        translation=wanted.target_language if translated else None,
    )
    defaults = Settings(**profile.settings.model_dump())
    settings = replace(defaults, language=wanted.language, target_language=wanted.target_language)
    return [Request(targets=replace(one, show=wanted.show), settings=settings, profile=profile) for one in found]


def unlisted(asked: Sequence[Request], listed: Collection[Request]) -> list[Request]:
    """Those that would write other files than `listed`."""
    known = {path.resolve() for request in listed for path in request.targets.paths}
    return [request for request in asked if not known.intersection(path.resolve() for path in request.targets.paths)]


def taken(asked: Sequence[Request]) -> list[Path]:
    """Which files that they would write are there."""
    return [path for request in asked for path in request.targets.paths if path.exists()]


def overwriting(request: Request) -> Request:
    return replace(request, targets=replace(request.targets, overwrite=True))


def profile_names() -> list[str]:
    return [store.AUTO, *(entry.name for entry in store.entries())]


def profile_named(name: str, registry: Registry) -> Profile:
    """Raises `ProfileError`, `UsageError`."""
    chosen = profiles.load(name, profiles.look_at_machine().default, registry)
    if chosen.profile is None:
        raise UsageError("; ".join(chosen.problems), hint=_("3 Profile shows and corrects it."))
    return chosen.profile
