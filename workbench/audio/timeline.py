"""Decoded frames to mono without holes: gaps become silence, overlaps go, impossible timestamps are ignored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.types import Samples

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Block: TypeAlias = tuple[Samples, int]
"""Mono samples and their rate in Hertz."""

_JITTER_S: Final = 0.02
"""Timestamps that are off by less are rounding, not holes."""
_LONGEST_OVERLAP_S: Final = 1.0
"""Timestamps that go back further have started anew, as where two files were joined."""
_LONGEST_GAP_S: Final = 3600.0
"""Where the file does not say how long it is."""
_MOST_SILENCE_S: Final = 12 * 3600.0
"""In all gaps together."""
_RUN_VALUES: Final = 1 << 17
"""Samples times channels that are converted at once: numpy costs by the call where frames are short."""
_MOST_PLANES: Final = 8
"""PyAV reads behind the list of planes where there are more: it looks for an end that FFmpeg only puts there."""
_WEIGHTS: Final = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "LFE": 0.0, "LFE2": 0.0}
"""Of channels in the mono mix, after ITU-R BS.775."""
_OTHER_WEIGHT: Final = 0.5


@dataclass(slots=True)
class Fault:
    """One kind of damage: how often, and where first."""

    count: int = 0
    first: float = 0.0
    """Seconds on the timeline."""

    def add(self, position: float, count: int = 1) -> None:
        if not self.count:
            self.first = position
        self.count += count


@dataclass(slots=True)
class Timeline:
    """How far a track is placed, and what was wrong on the way."""

    zero: float
    """Start of the presentation in the file's own time, seconds."""
    end: float | None
    """Seconds on the timeline where the presentation is to end; None: unknown."""
    position: float = 0.0
    """Seconds on the timeline up to which audio is placed."""
    silence: float = 0.0
    """Seconds of it that are filled gaps."""
    gaps: Fault = field(default_factory=Fault)
    """Those inside the track; that it begins late is no fault."""
    values: int = 0
    """Samples times channels that were decoded."""
    not_numbers: Fault = field(default_factory=Fault)
    damaged: Fault = field(default_factory=Fault)
    jumps: Fault = field(default_factory=Fault)
    is_cut: bool = False
    """The last packet is not whole."""
    unread: str = ""
    """Why reading stopped early."""

    def gap(self, frame: AudioFrame) -> float:
        """Seconds of silence to put before `frame`; negative: seconds of it that the timeline has already."""
        if frame.time is None:
            return 0.0
        gap = frame.time - self.zero - self.position
        if abs(gap) <= _JITTER_S and self.position:  # the first frame is placed exactly
            return 0.0
        if not self._is_credible(gap):
            self.jumps.add(self.position)
            self.zero += gap
            return 0.0
        return gap

    def _is_credible(self, gap: float) -> bool:
        latest = self.position + _LONGEST_GAP_S if self.end is None else self.end + _LONGEST_OVERLAP_S
        return gap >= -_LONGEST_OVERLAP_S and self.position + gap <= latest and self.silence + gap <= _MOST_SILENCE_S

    def fill(self, gap: float, rate: int) -> Iterator[Block]:
        """`gap` seconds of silence, a second at a time."""
        count = round(gap * rate)
        if self.position:
            self.gaps.add(self.position)
        self.position += count / rate
        self.silence += count / rate
        for done in range(0, count, rate):
            yield np.zeros(min(rate, count - done), np.float32), rate

    def warnings(self, promised: float | None) -> Iterator[str]:
        """A line for each kind of fault. `promised`: seconds on the timeline where the track was to end."""
        for fault, what in (
            (self.damaged, "damaged packet(s) left out"),
            (self.gaps, "gap(s) filled with silence"),
            (self.jumps, "impossible timestamp(s) ignored"),
            (self.not_numbers, "sample(s) that are not numbers taken as silence"),
        ):
            if fault.count:
                yield f"{fault.count} {what}, the first at {fault.first:.1f} s"
        if self.unread:
            yield f"reading stopped at {self.position:.1f} s: {self.unread}"
        elif promised and promised - self.position > max(0.5, 0.01 * promised):
            yield f"ends at {self.position:.1f} s but promises {promised:.1f} s: it may be cut off"
        elif self.is_cut:
            yield f"ends at {self.position:.1f} s, inside a packet: it may be cut off"


@dataclass(slots=True)
class _Run:
    """Frames of one form that follow each other."""

    start: float
    skipped: int
    """Samples of the first frame that the timeline has already."""
    form: tuple[int, int, str]
    frames: list[AudioFrame] = field(default_factory=list)
    values: int = 0

    def takes(self, form: tuple[int, int, str]) -> bool:
        return self.form == form and self.values < _RUN_VALUES

    def add(self, frame: AudioFrame) -> None:
        self.frames.append(frame)
        self.values += frame.samples * self.form[1]

    def block(self, timeline: Timeline) -> Block:
        channels = _channels(self.frames)
        timeline.values += channels.size
        if not np.isfinite(channels).all():
            wrong = ~np.isfinite(channels)
            timeline.not_numbers.add(self.start, int(wrong.sum()))
            channels[wrong] = 0.0
        return mix(channels, [c.name for c in self.frames[0].layout.channels])[self.skipped :], self.form[0]


def place(frames: Iterable[AudioFrame], timeline: Timeline) -> Iterator[Block]:
    """Mono from the start of the timeline on, without holes. Memory is bounded whatever the timestamps say."""
    run: _Run | None = None
    for frame in frames:
        form = (frame.sample_rate, frame.layout.nb_channels, frame.format.name)
        gap = timeline.gap(frame)
        if run and (gap or not run.takes(form)):
            yield run.block(timeline)
            run = None
        if gap > 0:
            yield from timeline.fill(gap, frame.sample_rate)
        skipped = min(frame.samples, max(0, round(-gap * frame.sample_rate)))
        if skipped == frame.samples:
            continue
        run = run or _Run(timeline.position, skipped, form)
        run.add(frame)
        timeline.position += (frame.samples - skipped) / frame.sample_rate
    if run:
        yield run.block(timeline)


def _channels(frames: list[AudioFrame]) -> Samples:
    """Shape (channels, n), float32; integers are scaled to [-1, 1]."""
    if frames[0].format.is_planar and frames[0].layout.nb_channels > _MOST_PLANES:
        frames = [packed for frame in frames for packed in _packed(frame)]
    arrays = [frame.to_ndarray() for frame in frames]
    if frames[0].format.is_planar:
        channels: npt.NDArray[np.generic] = np.concatenate(arrays, axis=1)
    else:
        channels = np.concatenate(arrays, axis=1).reshape(-1, frames[0].layout.nb_channels).T
    kind, full = channels.dtype.kind, 2.0 ** (8 * channels.dtype.itemsize - 1)
    with np.errstate(over="ignore"):  # what 64 bits hold and 32 do not becomes infinite, which is no number
        scaled = channels.astype(np.float32)
    if kind == "u":
        scaled -= full
    if kind in "iu":
        scaled /= full
    return scaled


def _packed(frame: AudioFrame) -> list[AudioFrame]:
    """The same sound with its channels interleaved."""
    import av

    converter = av.AudioResampler("flt", frame.layout, frame.sample_rate)
    return [*converter.resample(frame), *converter.resample(None)]


def mix(channels: Samples, names: list[str]) -> Samples:
    """Shape (channels, n) to mono in [-1, 1]. Weights sum to 1, so no mix of good channels clips."""
    if len(channels) > 2 and "FC" in names:
        weights = np.array([_WEIGHTS.get(name, _OTHER_WEIGHT) for name in names], np.float32)
    else:
        weights = np.ones(len(channels), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        mono: Samples = weights / weights.sum() @ channels
    return np.clip(mono, -1.0, 1.0, out=mono)
