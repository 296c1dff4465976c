"""Opens a media file and says what it holds. Nothing that the file points to is ever opened.

Only local regular files and only formats that carry audio: a playlist under another name is refused by the list of
formats before it is read, and `io_open` refuses whatever a format would open on its own.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from workbench.disk_errors import unreadable
from workbench.engines import same_language
from workbench.errors import InputError, UsageError
from workbench.languages import bcp47
from workbench.phrase import Phrase

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SAMPLE_RATES: Final = range(1_000, 768_001)
MOST_CHANNELS: Final = 64
_MOST_TO_OPEN: Final = 48 << 20
"""Bytes; the index of half a day of video at 60 pictures a second takes 40 MB."""
_LEAST_COUNTED: Final = 4096
"""For each call: a seek costs, too."""

_FORMATS: Final = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,gsm,matroska,mlp,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,mxf,nistsphere,nut,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,webm,wsd,wtv,wv"
)
_PLAYLISTS: Final = (b"#extm3u", b"[playlist]", b"ffconcat", b"[reference]", b"<asx", b"<smil", b"<mpd", b"<playlist")


@dataclass(frozen=True, slots=True)
class AudioTrack:
    index: int
    """Counts the audio tracks of the file from 1."""
    codec: str
    language: str | None
    """BCP-47; None: the file does not say."""
    title: str
    channels: int
    sample_rate: int
    """Hertz."""
    default: bool

    def __str__(self) -> str:
        return " ".join(filter(None, [str(self.index), self.language, self.title and repr(self.title)]))


@dataclass(frozen=True, slots=True)
class FileInfo:
    path: Path
    duration: float | None
    """Seconds, as the file claims; None: it does not say."""
    container: str
    """FFmpeg's name of the format."""
    tracks: tuple[AudioTrack, ...]

    def track(self, wanted: int | str | None) -> AudioTrack:
        """The track with that number or language; None: the file's default one.

        Raises `InputError` where there is none, or where its figures cannot be audio.
        """
        if not self.tracks:
            raise InputError(f"{str(self.path)!r} has no audio track", hint="Choose a file with sound.")
        track = self._chosen(wanted)
        if track.sample_rate not in SAMPLE_RATES or not 1 <= track.channels <= MOST_CHANNELS:
            figures = f"{track.sample_rate} Hz and {track.channels} channels"
            raise InputError(
                f"{str(self.path)!r} claims {figures} in track {track.index}: that cannot be audio",
                hint="The file is damaged or made to mislead. Convert it with a tool that you trust.",
            )
        return track

    def _chosen(self, wanted: int | str | None) -> AudioTrack:
        if wanted is None:
            return next((track for track in self.tracks if track.default), self.tracks[0])
        for track in self.tracks:
            if str(track.index) == str(wanted) or _speaks(track, wanted):
                return track
        raise InputError(
            f"{str(self.path)!r} has no audio track {wanted!r}", hint=f"It has: {', '.join(map(str, self.tracks))}."
        )


def _speaks(track: AudioTrack, wanted: int | str) -> bool:
    language = bcp47(str(wanted))
    return None not in (language, track.language) and same_language(str(track.language), str(language))


def probe(path: Path) -> FileInfo:
    """What `path` says of itself; nothing is decoded. Raises `InputError` and `UsageError`."""
    with open_media(path) as container:
        return describe(path, container)


def describe(path: Path, container: InputContainer) -> FileInfo:
    tracks = tuple(_track(i, stream) for i, stream in enumerate(container.streams.audio, start=1))
    duration = container.duration / 1e6 if container.duration and container.duration > 0 else None
    return FileInfo(path, duration, container.format.name, tracks)


def _track(index: int, stream: AudioStream) -> AudioTrack:
    from av.stream import Disposition

    codec: Any = stream.codec_context  # None where FFmpeg has no decoder, which the stubs do not know
    return AudioTrack(
        index=index,
        codec=codec.name if codec else "unknown",
        language=bcp47(stream.language),
        title=stream.metadata.get("title", ""),
        channels=codec.channels if codec else 0,
        sample_rate=codec.sample_rate or 0 if codec else 0,
        default=bool(stream.disposition & Disposition.default),
    )


class _Metered:
    """A file that seems to end where FFmpeg asks too much of it to open it: a header can send it through gigabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self.name = file.name
        self.left: float = _MOST_TO_OPEN
        self._file = file

    def read(self, size: int) -> bytes:
        return self._file.read(size) if self._may(size) else b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence) if self._may(0) else -1

    def tell(self) -> int:
        return self._file.tell()

    def _may(self, size: int) -> bool:
        self.left -= max(size, _LEAST_COUNTED)
        return self.left >= 0


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """FFmpeg's view of a local regular file. Raises `InputError`; `UsageError` where there is no such file."""
    import av

    with open_file(path) as file:
        metered = _Metered(file)
        try:
            container = av.open(
                metered,
                mode="r",
                metadata_errors="replace",
                container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
                io_open=_refuse,
            )
        except (av.FFmpegError, ValueError, OSError) as error:
            raise _not_audio(path) from error
        metered.left = math.inf
        with container:
            yield container


def open_file(path: Path) -> IO[bytes]:
    """A local regular file that holds something. Raises `InputError`; `UsageError` where there is no such file.

    Its name, which FFmpeg gets to see, keeps nothing of the real one but its suffix, which helps it guess.
    """
    name = str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _not_a_file(name, status.st_mode)
        if status.st_size == 0:
            raise InputError(
                Phrase("{name!r} is empty", name=name), hint="The recording or copy that made it did not finish."
            )
        alias = "audio" + path.suffix.encode("ascii", "ignore").decode()
        return open(alias, "rb", opener=lambda _, flags: os.open(path, flags))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(Phrase("no such file: {name!r}", name=name), hint="Check the name and the folder.") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _not_a_file(name: str, mode: int) -> InputError | UsageError:
    if stat.S_ISDIR(mode):
        return UsageError(Phrase("{name!r} is a directory", name=name), hint="Name a file in it.")
    return InputError(f"{name!r} is not a regular file", hint="Save the audio to a file first.")


def _refuse(url: str, flags: int, options: dict[str, str]) -> IO[bytes]:
    raise PermissionError("a media file must not open others")


def _not_audio(path: Path) -> InputError:
    name = str(path)
    with open_file(path) as file:
        head = file.read(512).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if any(mark in head for mark in _PLAYLISTS):
        return InputError(f"{name!r} is a playlist, not audio", hint="Give the files that it lists.")
    if head[4:8] in (b"ftyp", b"moov", b"mdat"):
        hint = "It has no index: the recording or copy was cut off. Record or copy it again, or repair it."
        return InputError(f"{name!r} is an MP4 file that cannot be read", hint=hint)
    return InputError(
        Phrase("{name!r} is not audio or video that can be read", name=name),
        hint="Formats that can: wav, flac, mp3, ogg, opus, m4a, mp4, mkv, webm.",
    )
