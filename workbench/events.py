"""What the outside may observe of a stream: one vocabulary for screen, `--json`, journal and server.

Each event is a frozen dataclass with a `type`; `to_dict` gives what goes on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, ClassVar, Final, TypeAlias, get_args

import numpy as np
from pydantic import TypeAdapter

from workbench import types


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    type: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, `type` first."""
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(_Event):
    """All engines of the stream are loaded and audio is about to flow."""

    type = "ready"
    duration: float | None = None
    """Seconds of audio to come; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(_Event):
    type = "speech_started"
    segment_id: int
    start: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded(_Event):
    type = "speech_ended"
    segment_id: int
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageDetected(_Event):
    type = "language_detected"
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript(_Event):
    """Someone said something; interim until `is_final`."""

    type = "transcript"
    transcript: types.Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation(_Event):
    type = "translation"
    transcript: types.Transcript
    translation: types.Translation


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech(_Event):
    """Speech was synthesized; the samples stay inside the process."""

    type = "speech"
    speech: types.Speech

    def to_dict(self) -> dict[str, Any]:
        audio = self.speech.audio
        return {
            "type": self.type,
            "segment_id": self.speech.segment_id,
            "start": audio.start,
            "duration": audio.duration,
            "sample_rate": audio.sample_rate,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(_Event):
    """Everything before `position` is recognized.

    Of live audio it is all done, so that whoever goes on from there neither loses nor repeats a word: each segment that
    starts before `position` has ended, and its final transcripts and their translations have been told, or an `Error`
    in their place, or it was discarded; no segment to come starts before it. Speech may still come.
    """

    type = "progress"
    position: float
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(_Event):
    """Audio is worked on again from `position`: what was told of segments that start there or later is void."""

    type = "resumed"
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLost(_Event):
    """The source gives no audio any more. Silence takes its place until it is back."""

    type = "device_lost"
    device: str
    position: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReturned(_Event):
    """The source, or the one chosen instead, gives audio again. Between `start` and `end` there is silence."""

    type = "device_returned"
    device: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSignal(_Event):
    """The source has given nothing but digital silence for some seconds: muted, or the wrong one."""

    type = "no_signal"
    device: str
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReturned(_Event):
    type = "signal_returned"
    device: str
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted(_Event):
    """Synthesized speech is played: what is heard from `position` on is stored, but not recognized."""

    type = "muted"
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmuted(_Event):
    """It was heard out. Where this does not follow, everything to the end of the audio is muted."""

    type = "unmuted"
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow(_Event):
    """Samples were lost before they could be stored."""

    type = "overflow"
    device: str
    position: float
    count: int
    """Times so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(_Event):
    """One item failed; the stream goes on, unless `severity` says that it has ended."""

    type = "error"
    code: str
    message: str
    hint: str = ""
    stage: str = ""
    severity: str = "error"
    """Or "fatal"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(_Event):
    """The stream has ended and everything of it was delivered."""

    type = "done"
    duration: float
    """Seconds of audio that were heard."""
    statistics: dict[str, Any] = field(default_factory=dict)


Event: TypeAlias = (
    Ready
    | SpeechStarted
    | SpeechEnded
    | LanguageDetected
    | Transcript
    | Translation
    | Speech
    | Progress
    | Resumed
    | DeviceLost
    | DeviceReturned
    | NoSignal
    | SignalReturned
    | Muted
    | Unmuted
    | Overflow
    | Error
    | Done
)

_KINDS: Final[Mapping[str, Any]] = {kind.type: kind for kind in get_args(Event)}


def parse(data: Mapping[str, Any]) -> Event:
    """The event whose `to_dict` gave `data`, as it comes back from JSON; `Speech` comes back without samples.

    What `data` holds beside is ignored. Raises `ValueError` for what is no event.
    """
    kind = _KINDS.get(str(data.get("type")))
    if kind is None:
        raise ValueError(f"{data.get('type')!r} is no event")
    return _parse_speech(data) if kind is Speech else _adapter(kind).validate_python(dict(data))


@cache
def _adapter(kind: Any) -> TypeAdapter[Event]:
    return TypeAdapter(kind)


def _parse_speech(data: Mapping[str, Any]) -> Speech:
    try:
        audio = types.AudioChunk(np.zeros(0, np.float32), int(data["sample_rate"]), float(data["start"]))
        return Speech(speech=types.Speech(segment_id=int(data["segment_id"]), audio=audio))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a speech event: {error}") from error
