"""Media files to 16 kHz mono, streamed: memory does not grow with the length of the file.

The timeline starts at 0 where the presentation starts, so audio that begins late begins late here too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.audio.media import SAMPLE_RATES, AudioTrack, FileInfo, describe, open_media, probe
from workbench.audio.timeline import Block, Timeline, place
from workbench.errors import InputError
from workbench.types import SAMPLE_RATE, AudioChunk, Samples

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

__all__ = ["AudioTrack", "FileInfo", "chunks", "decode", "presentation_start", "probe"]

_READ_ATTEMPTS: Final = 16
"""In a row, before the rest of a file is given up."""


def decode(
    path: Path,
    *,
    track: int | str | None = None,
    sample_rate: int = SAMPLE_RATE,
    chunk_s: float = 10.0,
    warnings: list[str] | None = None,
) -> Generator[AudioChunk, None, None]:
    """The audio of one track, as chunks of `chunk_s` seconds without holes between them; the last one is shorter.

    Opens on the first `next`; closing frees the file. `track` is as for `FileInfo.track`. What can be decoded of a
    damaged file is, and at its end `warnings` gets a line for each kind of damage. Raises `InputError` where
    nothing can be decoded, `UsageError` where there is no such file.
    """
    with open_media(path) as container:
        info = describe(path, container)
        stream = container.streams.audio[info.track(track).index - 1]
        zero = presentation_start(container)
        timeline = Timeline(zero, info.duration)
        blocks = place(_frames(container, stream, timeline), timeline)
        yield from chunks(blocks, sample_rate, chunk_s)
        _check_any(path, timeline)
        if warnings is not None:
            timeline.is_cut = timeline.is_cut and not _is_whole_wav(path)
            promised = _promised(info, stream, zero)
            warnings.extend(f"{str(path)!r}: {line}" for line in timeline.warnings(promised))


def chunks(blocks: Iterable[Block], sample_rate: int, chunk_s: float) -> Iterator[AudioChunk]:
    """Blocks that follow each other from 0 on, as chunks of one rate and size; the last one may be shorter."""
    return _cut(_resampled(blocks, sample_rate), sample_rate, chunk_s)


def _check_any(path: Path, timeline: Timeline) -> None:
    if not timeline.values:
        hint = "It is damaged or protected." if timeline.damaged.count else "Choose a file with sound."
        raise InputError(f"{str(path)!r} has an audio track without samples", hint=hint)
    if timeline.not_numbers.count == timeline.values:
        hint = "Export it again from the program that made it."
        raise InputError(f"{str(path)!r} holds no sample that is a number", hint=hint)


def presentation_start(container: InputContainer) -> float:
    """Where the presentation starts, in the file's own time: the earliest sound or picture."""
    from av.stream import Disposition

    return min(
        (
            float(stream.start_time * stream.time_base)
            for stream in (*container.streams.audio, *container.streams.video)
            if stream.start_time is not None
            and stream.time_base is not None
            and not stream.disposition & Disposition.attached_pic
        ),
        default=0.0,
    )


def _promised(info: FileInfo, stream: AudioStream, zero: float) -> float | None:
    """Seconds on the timeline where the track is to end; None: the file does not say."""
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - zero
    return info.duration if len(stream.container.streams) == 1 else None


def _is_whole_wav(path: Path) -> bool:
    """Whether this is a WAV that promises no more than it holds, as one that was written to a pipe."""
    with path.open("rb") as file:
        head = file.read(8)
    claimed = int.from_bytes(head[4:], "little")
    return head[:4] == b"RIFF" and (claimed >= 0x7FFF0000 or claimed <= path.stat().st_size - 8)


def _frames(container: InputContainer, stream: AudioStream, timeline: Timeline) -> Iterator[AudioFrame]:
    """Decode packet by packet. A damaged one is skipped: what follows it may be sound."""
    import av

    failed, reason, ends_short = 0, "", False
    while failed < _READ_ATTEMPTS:
        try:
            for packet in container.demux(stream):
                failed = 0
                ends_short = packet.is_corrupt if packet.size else ends_short
                yield from _decoded(packet, timeline)
        except IndexError:
            pass  # PyAV trips over a track that appeared late, once it has flushed ours
        except (av.FFmpegError, OSError) as error:
            failed, reason = failed + 1, error.strerror or str(error)
            timeline.damaged.add(timeline.position)
            continue
        timeline.is_cut = ends_short
        return
    timeline.unread = reason


def _decoded(packet: Packet[AudioStream], timeline: Timeline) -> Iterator[AudioFrame]:
    import av

    try:
        frames = packet.decode()
    except (av.FFmpegError, ValueError):
        timeline.damaged.add(timeline.position)
        return
    for frame in frames:
        if frame.sample_rate in SAMPLE_RATES:
            yield frame
        else:
            timeline.damaged.add(timeline.position)


def _resampled(blocks: Iterable[Block], sample_rate: int) -> Iterator[Samples]:
    import soxr

    for rate, group in groupby(blocks, key=lambda block: block[1]):
        stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
        for samples, _ in group:
            yield stream.resample_chunk(samples)
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _cut(parts: Iterable[Samples], sample_rate: int, chunk_s: float) -> Iterator[AudioChunk]:
    """Cut to one size. Each start is counted in samples, so no error adds up."""
    size = max(1, round(chunk_s * sample_rate))
    chunk, filled, done = np.empty(size, np.float32), 0, 0
    for part in parts:
        np.clip(part, -1.0, 1.0, out=part)  # the resampler's filter rings past the loudest samples
        while len(part):
            taken = min(size - filled, len(part))
            chunk[filled : filled + taken] = part[:taken]
            filled, part = filled + taken, part[taken:]
            if filled == size:
                yield AudioChunk(chunk, sample_rate, done / sample_rate)
                chunk, filled, done = np.empty(size, np.float32), 0, done + size
    if filled:
        yield AudioChunk(chunk[:filled], sample_rate, done / sample_rate)
