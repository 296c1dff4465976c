"""Subtitle tracks put into a video beside its pictures and sound, which are copied as they are."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.audio.decode import presentation_start
from workbench.audio.media import open_media
from workbench.errors import InputError, OutputError, UsageError
from workbench.files import NewFile
from workbench.languages import iso639_2
from workbench.subtitles import srt
from workbench.subtitles.formats import as_read, write
from workbench.types import Cue

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

CONTAINERS: Final = {".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4"}
"""What holds subtitle tracks, by suffix."""
_SUBTITLES_OF_MKV: Final = frozenset(
    {"ass", "ssa", "subrip", "text", "webvtt", "dvd_subtitle", "dvb_subtitle", "hdmv_pgs_subtitle"}
)
_SUBTITLES_OF_MP4: Final = frozenset({"mov_text", "dvd_subtitle"})
_MS: Final = Fraction(1, 1000)
_MOST_BYTES: Final = 0xFFFF
"""Of a cue in MP4."""
_ASS: Final = "ass"
_BUFFER_BYTES: Final = 1 << 17
"""Written at once: each time takes the interpreter from others, and larger ones cost more to get than they save."""
_SYNC_BYTES: Final = 32 << 20
"""Left to the system at most: a sync at the end could not be stopped, and all other syncs would wait with it."""


@dataclass(frozen=True, slots=True)
class Track:
    """Subtitles to be put in."""

    cues: Sequence[Cue]
    language: str | None = None
    """BCP-47."""
    styled: bool = False
    """Keep the look of ASS where the container can."""
    default: bool = False
    """Whether players show it unasked."""


@dataclass(frozen=True, slots=True)
class _Packet:
    """What one moment of a track is in the file."""

    start: float
    end: float
    data: bytes


def subtitled(video: Path) -> Path:
    """Where a copy of `video` with subtitles goes by default: of its kind, or an .mkv."""
    suffix = video.suffix.lower() if video.suffix.lower() in CONTAINERS else ".mkv"
    return video.with_name(f"{video.stem}.subtitled{suffix}")


def mux(
    video: Path,
    tracks: Sequence[Track],
    output: Path,
    *,
    overwrite: bool = False,
    stop: threading.Event | None = None,
) -> list[str]:
    """Write `output`: all of `video`, nothing of it encoded anew, and `tracks` after the subtitles that it has.

    Blocks; `stop` may be set from any thread, and ends it within milliseconds. The file appears when it is complete.
    Gives a line for each stream of `video` that the container cannot hold, which is left out. Raises `InputError`,
    `OutputError`, also when it is stopped, and `UsageError`.
    """
    import av

    format = CONTAINERS.get(output.suffix.lower())
    if format is None:
        raise UsageError(
            f"{str(output)!r} cannot hold subtitle tracks", hint=f"Name a file of {', '.join(CONTAINERS)}."
        )
    if output.exists() and video.exists() and output.samefile(video):
        raise UsageError(f"{str(video)!r} would be overwritten", hint="Name another file with -o.")
    with open_media(video) as source, NewFile(output, overwrite=overwrite) as new:
        disk = _Disk(new)
        try:
            with av.open(disk, "w", format=format, buffer_size=_BUFFER_BYTES) as target:
                left_out = _fill(source, target, tracks, stop or threading.Event())
        except (av.FFmpegError, ValueError) as error:
            disk.check()
            hint = "An .mkv holds most kinds of streams: name one with -o."
            raise InputError(f"{str(video)!r} cannot be put into {output.name!r}: {error}", hint=hint) from error
        disk.check()
        new.commit()
    return left_out


class _Disk:
    """What FFmpeg writes to. It does not tell what kept it from writing, and of the last bytes not even that."""

    def __init__(self, new: NewFile) -> None:
        self.seek, self.tell = new.file.seek, new.file.tell
        self._new = new
        self._unsynced = 0
        self._error: OutputError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._new.write(data)
            self._unsynced += len(data)
            if self._unsynced >= _SYNC_BYTES:
                self._new.sync()
                self._unsynced = 0
        except OutputError as error:
            self._error = error
            raise
        return len(data)

    def check(self) -> None:
        """Raises the `OutputError` that there was."""
        if self._error is not None:
            raise self._error


def _fill(source: InputContainer, target: OutputContainer, tracks: Sequence[Track], stop: threading.Event) -> list[str]:
    copies, left_out = _copies(source, target, has_default=any(track.default for track in tracks))
    target.metadata.update(source.metadata)
    packets = [(_add(target, track), _packets(track, target.format.name)) for track in tracks]
    target.set_chapters(source.chapters())
    zero = presentation_start(source)
    waiting = [
        (packet.start + zero, number, stream, packet)
        for number, (stream, found) in enumerate(packets)
        for packet in found
    ]
    waiting.sort(key=lambda entry: entry[:2], reverse=True)
    for packet in source.demux([stream for stream in copies if stream.type != "attachment"]):
        if stop.is_set():
            raise OutputError("it was stopped before the copy was complete")
        if packet.dts is None or packet.time_base is None:
            continue
        while waiting and waiting[-1][0] <= packet.dts * packet.time_base:
            _mux(target, *waiting.pop())
        packet.stream = copies[packet.stream]
        target.mux(packet)
    while waiting:
        _mux(target, *waiting.pop())
    return left_out


def _copies(source: InputContainer, target: OutputContainer, *, has_default: bool) -> tuple[dict[Any, Any], list[str]]:
    """The stream of `target` for each of `source`, and a line for each that has none."""
    from av.stream import Disposition

    copies, left_out = {}, []
    for stream in source.streams:
        codec: Any = stream.codec_context  # None where FFmpeg has no decoder, which the stubs do not know
        name = codec.codec.canonical_name if codec else "unknown"
        if not _holds(target.format.name, stream.type, name):
            left_out.append(f"stream {stream.index} ({stream.type}, {name}) is left out: {target.format.name} has none")
            continue
        copy = target.add_stream_from_template(stream)
        copy.metadata.update(stream.metadata)
        hidden = Disposition.default if stream.type == "subtitle" and has_default else Disposition(0)
        copy.disposition = stream.disposition & ~hidden
        copies[stream] = copy
    return copies, left_out


def _holds(container: str, type: str, codec: str) -> bool:
    if type == "subtitle":
        return codec in (_SUBTITLES_OF_MKV if container == "matroska" else _SUBTITLES_OF_MP4)
    return type in ("video", "audio") or (type == "attachment" and container == "matroska")


def _add(target: OutputContainer, track: Track) -> Any:
    from av.stream import Disposition

    codec = _codec(track, target.format.name)
    stream: Any = target.add_stream(codec)
    stream.codec_context.subtitle_header = _header(track if codec == _ASS else Track(()))
    stream.codec_context.time_base = stream.time_base = _MS
    stream.metadata["language"] = iso639_2(track.language, bibliographic=target.format.name == "matroska")
    stream.disposition = Disposition.default if track.default else Disposition(0)
    return stream


def _codec(track: Track, container: str) -> str:
    if container != "matroska":
        return "mov_text"
    return _ASS if track.styled else "subrip"


def _header(track: Track) -> bytes:
    """All of an ASS file but its cues: encoders of every format want one."""
    return write(track.cues, "ass").partition(b"Dialogue:")[0]


def _packets(track: Track, container: str) -> Iterator[_Packet]:
    match _codec(track, container):
        case "ass":
            lines = write(track.cues, "ass").decode().splitlines()
            said = [line.removeprefix("Dialogue: ") for line in lines if line.startswith("Dialogue: ")]
            for number, (cue, line) in enumerate(zip(as_read(track.cues, "ass"), said, strict=True)):
                layer, _, _, rest = line.split(",", 3)
                yield _Packet(cue.start, cue.end, f"{number},{layer},{rest}".encode())
        case "subrip":
            for cue in as_read(track.cues, "srt"):
                yield _Packet(cue.start, cue.end, srt.defuse(cue.text).encode())
        case _:
            for cue in _one_at_a_time(as_read(track.cues, "srt")):
                yield _Packet(cue.start, cue.end, _timed_text(cue))


def _timed_text(cue: Cue) -> bytes:
    data = cue.text.encode()
    if len(data) > _MOST_BYTES:
        raise InputError(f"the cue at {cue.start:.3f} s is longer than MP4 can hold", hint="Name an .mkv with -o.")
    return struct.pack(">H", len(data)) + data


def _one_at_a_time(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Cues that overlap, shown one below the other while they do: MP4 has one at a time."""
    edges = sorted({time for cue in cues for time in (cue.start, cue.end)})
    waiting = list(reversed(cues))
    active: list[Cue] = []
    for start, end in pairwise(edges):
        active = [cue for cue in active if cue.end > start]
        while waiting and waiting[-1].start <= start:
            active.append(waiting.pop())
        if active:
            yield Cue(start, end, "\n".join(cue.text for cue in active))


def _mux(target: OutputContainer, start: float, _number: int, stream: Any, packet: _Packet) -> None:
    import av

    made = av.Packet(packet.data)
    made.stream = stream
    made.time_base = _MS
    made.pts = made.dts = round(start * 1000)
    made.duration = round((packet.end - packet.start) * 1000)
    target.mux(made)
