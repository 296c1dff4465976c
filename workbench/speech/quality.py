"""How well speech was cut into segments, and which way of cutting to take. Pure: times and probabilities in.

The profile's detector comes first, then loudness, then windows of one length: each way asks less of a recording than
the one before, and cuts it worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from workbench.speech.spans import Span
from workbench.types import Activity

LEAST_SCORE: Final = 0.6
"""A way of cutting with a lower one is compared with the next."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Of the segments of one recording. What was not there to be judged counts as good."""

    segments: int
    cuts: int
    """Places where a segment starts or ends; where two touch, one. The ends of the recording are none."""
    cuts_in_speech: float
    """Share of them with speech on both sides, [0, 1]."""
    covered: float
    """Share of the speech that lies in a segment, [0, 1]."""
    mean_s: float
    """Length of a segment in seconds."""
    spread: float
    """Standard deviation of the lengths, as a share of their mean; 0 and more."""
    mean_silence_s: float
    """Seconds without speech in a segment."""

    @property
    def silence(self) -> float:
        """Share of the segments that is no speech, [0, 1]."""
        return self.mean_silence_s / self.mean_s if self.mean_s else 0.0

    @property
    def score(self) -> float:
        """covered x (0.6 x (1 - cuts in speech) + 0.2 / (1 + spread) + 0.2 x (1 - silence)), in [0, 1].

        Speech in no segment is lost for good, so it weighs on all the rest. A cut in speech costs the words around it.
        Uneven lengths and silence only cost time.
        """
        economy = 0.2 / (1 + self.spread) + 0.2 * (1 - self.silence)
        return self.covered * (0.6 * (1 - self.cuts_in_speech) + economy)


def quality(spans: Sequence[Span], activity: Activity, threshold: float = 0.5) -> Quality:
    """Judge `spans`, in order and without overlaps, by frames whose probability is at least `threshold`: speech."""
    speech = activity.probabilities >= threshold
    inside = _frames_inside(spans, activity)
    said, kept = int(speech.sum()), int((speech & inside).sum())
    silent = int((inside & ~speech).sum())
    lengths = np.array([span.duration for span in spans])
    mean_s = float(lengths.mean()) if len(spans) else 0.0
    cuts = _cuts(spans, activity)
    return Quality(
        segments=len(spans),
        cuts=len(cuts),
        cuts_in_speech=float(_is_inside(cuts, speech, activity).mean()) if len(cuts) else 0.0,
        covered=kept / said if said else 1.0,
        mean_s=mean_s,
        spread=float(lengths.std()) / mean_s if mean_s else 0.0,
        mean_silence_s=min(silent * activity.frame_s / len(spans), mean_s) if len(spans) else 0.0,
    )


def _frames_inside(spans: Sequence[Span], activity: Activity) -> npt.NDArray[np.bool_]:
    """For each frame, whether its middle lies in a span."""
    middles = activity.start + (np.arange(len(activity.probabilities)) + 0.5) * activity.frame_s
    begun = np.searchsorted([span.start for span in spans], middles, "right")
    ended = np.searchsorted([span.end for span in spans], middles, "right")
    inside: npt.NDArray[np.bool_] = begun > ended
    return inside


def _cuts(spans: Sequence[Span], activity: Activity) -> npt.NDArray[np.float64]:
    """Where segments start or end, at least a frame away from the ends of the recording."""
    edges = np.unique([edge for span in spans for edge in (span.start, span.end)])
    first, last = activity.start + activity.frame_s, activity.end - activity.frame_s
    cuts: npt.NDArray[np.float64] = edges[(edges >= first) & (edges <= last)]
    return cuts


def _is_inside(
    cuts: npt.NDArray[np.float64], speech: npt.NDArray[np.bool_], activity: Activity
) -> npt.NDArray[np.bool_]:
    """Whether the two frames next to each cut are both speech."""
    nearest = np.rint((cuts - activity.start) / activity.frame_s).astype(int)
    after = np.clip(nearest, 1, len(speech) - 1)
    both: npt.NDArray[np.bool_] = speech[after - 1] & speech[after]
    return both


class Method(StrEnum):
    """A way to find where to cut, the best one first."""

    VAD = "vad"
    """The profile's detector."""
    ENERGY = "energy"
    """Loudness above the noise."""
    FIXED = "fixed"
    """Windows of one length, wherever that cuts."""


def next_method(tried: Mapping[Method, Quality | None]) -> Method | None:
    """The way to try next, or None: `chosen` says which one to take. None as a quality: it failed.

    A detector that finds no speech is believed: what is loud in a recording may be music. `FIXED` is only for where all
    others failed: it cuts no better than any that worked.
    """
    for method in (Method.VAD, Method.ENERGY):
        if method not in tried:
            return method
        found = tried[method]
        if found is not None and (found.segments == 0 or found.score >= LEAST_SCORE):
            return None
    return None if any(found is not None for found in tried.values()) else Method.FIXED


def chosen(tried: Mapping[Method, Quality | None]) -> Method:
    """The way whose segments to take: the best score, the earlier one where they are equal; else `FIXED`.

    Compare scores by the same probabilities: those of the detector where it worked.
    """
    worked = {method: found.score for method, found in tried.items() if found is not None}
    return max(worked, key=lambda method: (worked[method], -list(Method).index(method)), default=Method.FIXED)
