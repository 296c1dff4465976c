"""Which files a transcription writes, decided before any work starts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.errors import UsageError
from workbench.paths import tidied
from workbench.subtitles import Show


@dataclass(frozen=True, slots=True)
class Targets:
    """What is made of one input."""

    path: Path
    subtitles: tuple[tuple[str, Path | None], ...]
    """(format, file); None: standard output."""
    speech: Path | None = None
    """The WAV for synthesized speech."""
    folder: Path | None = None
    """Where they go, if the user named one, to be made if it is missing."""
    copy: Path | None = None
    """Of the video, with the subtitles in it."""
    show: Show = "source"
    overwrite: bool = False

    @property
    def paths(self) -> list[Path]:
        """All files it writes."""
        return [path for path in (*(path for _, path in self.subtitles), self.speech, self.copy) if path]

    def absolute(self) -> Targets:
        """The same files, whatever the working folder."""
        return replace(
            self,
            path=tidied(self.path.absolute()),
            subtitles=tuple((format, path and tidied(path.absolute())) for format, path in self.subtitles),
            speech=self.speech and tidied(self.speech.absolute()),
            folder=self.folder and tidied(self.folder.absolute()),
            copy=self.copy and tidied(self.copy.absolute()),
        )


def chosen_formats(given: str | None, output: str | None, known: Sequence[str]) -> list[str]:
    """What --format says, else the suffix of -o, else SRT. Raises `UsageError`."""
    if given is None:
        suffix = Path(output or "").suffix.lstrip(".").lower()
        return [suffix if suffix in known else "srt"]
    formats = list(dict.fromkeys(part.strip().lower() for part in given.split(",") if part.strip()))
    unknown = [format for format in formats if format not in known]
    if unknown or not formats:
        raise UsageError(
            f"no format is called {given!r}" if not formats else f"no format is called {unknown[0]!r}",
            hint=f"Formats: {', '.join(known)}.",
        )
    return formats


def targets(
    inputs: Sequence[Path],
    formats: Sequence[str],
    known_formats: Sequence[str],
    *,
    output: str | None = None,
    translation: str | None = None,
    speech: str | None = None,
) -> list[Targets]:
    """Name the files. Without `output` they lie beside each input.

    `output` is "-" for standard output, a file, or a folder: if it exists as one, ends in a slash, there are several
    inputs or formats, or it has no suffix of a subtitle format. `translation` and `speech` are what stands before the
    suffix of translated subtitles and of synthesized speech. Raises `UsageError`.
    """
    if output == "-":
        if len(inputs) != 1 or len(formats) != 1 or speech is not None:
            message = "-o - takes one file and one format, and no speech"
            raise UsageError(message, hint="Name a folder: -o FOLDER/")
        return [Targets(inputs[0], ((formats[0], None),))]
    if output is not None and not _is_folder(output, inputs, formats, known_formats):
        return [_single(inputs[0], tidied(Path(output)), formats, speech)]
    if output is not None and Path(output).exists() and not Path(output).is_dir():
        raise UsageError(f"{output!r} is a file, where a folder is needed", hint="Name a folder: -o FOLDER/")
    found = []
    for path in inputs:
        folder = path.parent if output is None else tidied(Path(output))
        middle = {
            format: f".{translation}" for format in formats if translation and format != "wav"
        }  # audio is as it was
        subtitles = tuple((format, folder / f"{path.stem}{middle.get(format, '')}.{format}") for format in formats)
        wav = folder / f"{path.stem}.{speech}.wav" if speech else None
        found.append(Targets(path, subtitles, wav, folder if output is not None else None))
    _check_distinct(found)
    return found


def _is_folder(output: str, inputs: Sequence[Path], formats: Sequence[str], known: Sequence[str]) -> bool:
    suffix = Path(output).suffix.lstrip(".").lower()
    return Path(output).is_dir() or output.endswith("/") or len(inputs) > 1 or len(formats) > 1 or suffix not in known


def _single(path: Path, output: Path, formats: Sequence[str], speech: str | None) -> Targets:
    if output.suffix.lstrip(".").lower() != formats[0]:
        raise UsageError(
            f"{str(output)!r} does not go with --format {formats[0]}",
            hint="Leave --format out: the suffix says it.",
        )
    found = Targets(path, ((formats[0], output),), output.with_suffix(".wav") if speech else None)
    _check_distinct([found])
    return found


def _check_distinct(found: Sequence[Targets]) -> None:
    """No file is written twice, and none over an input."""
    written = Counter(path.resolve() for targets in found for path in targets.paths)
    twice = next((path for path, count in written.items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"two inputs would both write {str(twice)!r}", hint="Transcribe them one by one with -o.")
    for targets in found:
        if targets.path.resolve() in written:
            raise UsageError(f"{str(targets.path)!r} would be overwritten", hint="Name another place with -o.")


def refuse_taken(paths: Sequence[Path]) -> None:
    """Raise `UsageError` if one of `paths` exists already."""
    taken = [path for path in paths if os.path.exists(path)]  # a name that is too long is told where it is written
    if taken:
        rest = f" and {len(taken) - 1} more exist" if len(taken) > 1 else " exists"
        raise UsageError(f"{str(taken[0])!r}{rest} already", hint="Overwrite with --force, or name another -o.")
