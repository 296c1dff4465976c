"""What a plugin implements: an engine of one kind.

An engine is loaded weights, shared by all streams of a pool. What one stream must not leak into another lives in
its state, which `open` makes and every call passes in. All methods are blocking and are called in worker threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from workbench.errors import UnsupportedLanguage
from workbench.types import Activity, AudioChunk, Cue, Speech, Transcript, Translation, Window

if TYPE_CHECKING:
    from workbench.models import Model
    from workbench.subtitles import CueRules

In = TypeVar("In")
Out = TypeVar("Out")
State = TypeVar("State")


class StageKind(StrEnum):
    """A place in the pipeline, and the name of its table in a profile."""

    CAPTURE = "capture"
    VAD = "vad"
    ASR = "asr"
    TRANSLATION = "translation"
    TTS = "tts"
    EXPORT = "export"


class Options(BaseModel):
    """What a profile sets on an engine. Fields carry their unit in the name and a docstring below."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, protected_namespaces=())

    speed_only: ClassVar[frozenset[str]] = frozenset()
    """Names of fields that change how fast an engine is, and nothing of what it makes."""


AnyOptions: TypeAlias = Options
"""The same, inside classes whose own `Options` hides it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one stream sets. Never a reason to load an engine anew."""

    language: str | None = None
    """BCP-47, of what is spoken; None: to be detected."""
    target_language: str | None = None
    """BCP-47, to translate into; None: no translation."""
    voice: str | None = None
    """A name from the synthesizer's `voices`; None: its default for the language."""
    prompt: str = ""
    """Text that shows the recognizer names and style to expect."""
    hotwords: str = ""
    """Words to favour, separated by spaces."""

    @property
    def spoken_language(self) -> str | None:
        """The language that speech is made in."""
        return self.target_language or self.language


class Engine(ABC, Generic[In, Out, State]):
    """Loaded weights. The constructor loads, and raises `EngineError` or `MissingError` when it cannot."""

    kind: ClassVar[StageKind]
    name: ClassVar[str]
    Options: ClassVar[type[AnyOptions]] = AnyOptions

    concurrency: int = 1
    """Calls this instance takes at once, each from a thread of its own."""

    def __init__(self, options: Any) -> None:
        """Load with `options`, an instance of this class's `Options`."""

    @classmethod
    def resolve(cls, options: Any, settings: Settings) -> Any:
        """Fill in what `options` leaves open ("auto"), and refuse what this engine cannot do.

        Called before anything is loaded, so it imports nothing heavy. Raises `UnsupportedLanguage` for a pair,
        language or voice that does not exist, `MissingError` for a model that is not there.
        """
        return options

    @classmethod
    def models(cls) -> Sequence[Model]:
        """The weights this engine knows by name. Imports nothing heavy."""
        return ()

    @abstractmethod
    def open(self, settings: Settings) -> State:
        """Make the memory of one stream: plain data, valid on every instance of this engine."""

    @abstractmethod
    def process(self, item: In, state: State) -> Iterable[Out]:
        """What `item` completes. A generator's values leave as they are made; it may be closed between two."""

    def flush(self, state: State) -> Iterable[Out]:
        """What was held back, after a stream's last item."""
        return ()

    def warm_up(self) -> None:
        """Do once what makes the first call slow. Called after the constructor, before any other call."""

    def release(self, state: State) -> None:
        """The stream is gone. Only for what garbage collection does not free."""

    def cost(self, item: In) -> float:
        """Size of `item` in seconds of audio: short work goes before long. Called on the loop; microseconds."""
        return 1.0

    def abort(self) -> bool:
        """Make running calls raise. False: cannot (a thread cannot be stopped). Called on the loop; milliseconds."""
        return False

    def close(self) -> None:
        """Free the weights. No call is running, none will come."""


class BatchEngine(Engine[In, Out, State]):
    """An engine that takes items of several streams in one call."""

    max_batch: int = 64

    @abstractmethod
    def process_batch(self, work: Sequence[tuple[In, State]]) -> Sequence[Iterable[Out]]:
        """One result for each item, in order; or raises, with every state as it was."""

    def joins(self, item: In) -> bool:
        """Whether `item` may share a call with others. Called on the loop; microseconds."""
        return True

    def process(self, item: In, state: State) -> Iterable[Out]:
        return self.process_batch([(item, state)])[0]


class Stateless(Engine[In, Out, Settings]):
    """An engine that remembers nothing of a stream: several of a stream's items may run at once."""

    def open(self, settings: Settings) -> Settings:
        return settings


class Detector(Engine[AudioChunk, Activity, State]):
    """VAD: audio to speech probabilities. Where speech begins and ends is the core's decision."""

    kind = StageKind.VAD
    sample_rates: Sequence[int] = (16_000,)
    """Hertz of the audio it takes, the best first."""

    def cost(self, item: AudioChunk) -> float:
        return item.duration


class Recognizer(Stateless[Window, Transcript]):
    """ASR: windows of 16 kHz speech to transcripts, made by `Window.transcript` from times in the window."""

    kind = StageKind.ASR
    languages: ClassVar[Sequence[str]] = ()
    """What it recognizes; empty: not limited."""
    window_s: float = 30.0
    """The longest window it takes, in seconds."""
    stability: ClassVar[str] = "agreement"
    """How interim text becomes stable: a policy of `workbench.speech.stability`."""

    def detect_language(self, window: Window) -> str | None:
        """The language (BCP-47) spoken in `window`; None when it cannot tell."""
        return None

    def cost(self, item: Window) -> float:
        return item.duration

    @classmethod
    def resolve(cls, options: Any, settings: Settings) -> Any:
        if cls.languages and settings.language and not _speaks(cls.languages, settings.language):
            raise UnsupportedLanguage(
                f"{cls.name} does not recognize {settings.language!r}", hint=f"It knows: {', '.join(cls.languages)}."
            )
        return options


class Translator(Stateless[Transcript, Translation]):
    """Translation: a transcript to the same in another language, made by `Transcript.translated`, whole or in parts."""

    kind = StageKind.TRANSLATION
    pairs: ClassVar[Sequence[tuple[str, str]]] = ()
    """(from, to) for each pair it has; empty: not limited, and no target language is needed."""
    wants_interim: bool = False
    """Whether transcripts that may still change are worth translating."""

    def cost(self, item: Transcript) -> float:
        return item.end - item.start

    @classmethod
    def resolve(cls, options: Any, settings: Settings) -> Any:
        source, target = settings.language, settings.target_language
        if cls.pairs and not any(
            (source is None or same_language(source, a)) and (target is not None and same_language(target, b))
            for a, b in cls.pairs
        ):
            known = ", ".join(f"{a}-{b}" for a, b in cls.pairs)
            wanted = f"from {source or 'any language'} to {target or 'no language named'}"
            raise UnsupportedLanguage(f"{cls.name} does not translate {wanted}", hint=f"It has: {known}.")
        return options


class Synthesizer(Stateless[Translation | Transcript, Speech]):
    """TTS: text to speech. `audio.start` of what it makes is the text's start."""

    kind = StageKind.TTS
    voices: ClassVar[Mapping[str, str]] = {}
    """Language (BCP-47) of each voice by name, the default one of a language first; empty: not limited."""

    def cost(self, item: Translation | Transcript) -> float:
        return item.end - item.start

    @classmethod
    def resolve(cls, options: Any, settings: Settings) -> Any:
        language = settings.spoken_language
        if settings.voice is not None and cls.voices and settings.voice not in cls.voices:
            raise UnsupportedLanguage(
                f"{cls.name} has no voice {settings.voice!r}", hint=f"It has: {', '.join(cls.voices)}."
            )
        if language is not None and cls.voices and not _speaks(cls.voices.values(), language):
            known = ", ".join(sorted(set(cls.voices.values())))
            raise UnsupportedLanguage(f"{cls.name} does not speak {language!r}", hint=f"It speaks: {known}.")
        spoken = cls.voices.get(settings.voice or "")
        if language is not None and spoken and not same_language(spoken, language):
            raise UnsupportedLanguage(
                f"voice {settings.voice!r} of {cls.name} does not speak {language!r}", hint=f"It speaks: {spoken}."
            )
        return options


class Capture(ABC):
    """Where audio comes from. Made for one stream, not pooled.

    One that reads files has an option `path`, None by default: the command line sets it for each file.
    """

    kind: ClassVar[StageKind] = StageKind.CAPTURE
    name: ClassVar[str]
    Options: ClassVar[type[AnyOptions]] = AnyOptions

    duration: float | None = None
    """Seconds of audio to come, once `open` was called; None: not known."""
    label: str = ""
    """What people call the source, such as the device's name; final once `open` was called."""
    overflows: int = 0
    """How often samples were lost because nobody took them in time."""

    def __init__(self, options: Any) -> None:
        """Keep `options`. Opens nothing."""

    @abstractmethod
    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        """16 kHz mono, in order, without holes. Raises `InputError` or `MissingError`. Closing it frees the source.

        Live sources give a chunk at least every 0.2 s, and raise `DeviceLost` within 2 s of the last one; opened again,
        they start anew at 0.
        """


class Exporter(ABC):
    """What writes cues as a file. The core puts the bytes on disk."""

    kind: ClassVar[StageKind] = StageKind.EXPORT
    name: ClassVar[str]
    Options: ClassVar[type[AnyOptions]] = AnyOptions
    formats: ClassVar[Sequence[str]]
    """Suffixes of the files it makes, without the dot."""

    def __init__(self, options: Any) -> None:
        """Keep `options`."""

    def rules_for(self, language: str | None) -> CueRules:
        """How cues in `language` (BCP-47) are to be cut for it."""
        from workbench.subtitles.rules import CueRules

        return CueRules.for_language(language)

    @abstractmethod
    def render(self, cues: Sequence[Cue], format: str) -> bytes:
        """The whole file."""


def same_language(a: str, b: str) -> bool:
    """Whether two BCP-47 tags name one language, a region apart: pt-BR is pt, en-US is not en-GB."""
    a, b = a.lower().replace("_", "-"), b.lower().replace("_", "-")
    return a == b or a == b.split("-")[0] or b == a.split("-")[0]


def _speaks(languages: Iterable[str], language: str) -> bool:
    return any(same_language(known, language) for known in languages)
