"""How well speech was cut into segments. Pure: times and probabilities in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from workbench.events import SpeechEnded
from workbench.types import Activity


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

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        figures = {name: round(value, 3) for name, value in asdict(self).items()}
        return {"score": round(self.score, 3), **figures}


def quality(segments: Sequence[SpeechEnded], activity: Activity, threshold: float = 0.5) -> Quality:
    """Judge segments, in order and without overlaps, by frames whose probability is at least `threshold`: speech."""
    speech = activity.probabilities >= threshold
    inside = _frames_inside(segments, activity)
    said, kept = int(speech.sum()), int((speech & inside).sum())
    silent = int((inside & ~speech).sum())
    lengths = np.array([segment.end - segment.start for segment in segments])
    mean_s = float(lengths.mean()) if len(segments) else 0.0
    cuts = _cuts(segments, activity)
    return Quality(
        segments=len(segments),
        cuts=len(cuts),
        cuts_in_speech=float(_is_inside(cuts, speech, activity).mean()) if len(cuts) else 0.0,
        covered=kept / said if said else 1.0,
        mean_s=mean_s,
        spread=float(lengths.std()) / mean_s if mean_s else 0.0,
        mean_silence_s=min(silent * activity.frame_s / len(segments), mean_s) if len(segments) else 0.0,
    )


def _frames_inside(segments: Sequence[SpeechEnded], activity: Activity) -> npt.NDArray[np.bool_]:
    """For each frame, whether its middle lies in a segment."""
    middles = activity.start + (np.arange(len(activity.probabilities)) + 0.5) * activity.frame_s
    begun = np.searchsorted([segment.start for segment in segments], middles, "right")
    ended = np.searchsorted([segment.end for segment in segments], middles, "right")
    inside: npt.NDArray[np.bool_] = begun > ended
    return inside


def _cuts(segments: Sequence[SpeechEnded], activity: Activity) -> npt.NDArray[np.float64]:
    """Where segments start or end, at least a frame away from the ends of the recording."""
    edges = np.unique([edge for segment in segments for edge in (segment.start, segment.end)])
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
