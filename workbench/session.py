"""From a profile and the installed engines to running streams: chooses, loads, and shares pools between streams."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, cast

from workbench import paths
from workbench.engines import Capture, Engine, Exporter, Options, Settings, StageKind, Translator
from workbench.errors import EngineError, MissingError, UnsupportedLanguage, UsageError, WorkbenchError, in_one_line
from workbench.pipeline import Stages
from workbench.plugins import Registry
from workbench.pool import Pool
from workbench.profiles.options import check_options, split_options
from workbench.profiles.schema import Instances, Profile
from workbench.speech.packer import PackerOptions
from workbench.speech.segmenter import SegmenterOptions
from workbench.threads import uninterrupted
from workbench.types import Activity, AudioChunk, Transcript, Window

AnyEngine: TypeAlias = Engine[Any, Any, Any] | Capture | Exporter

PREFERRED: Final[Mapping[StageKind, tuple[str, ...]]] = {
    StageKind.CAPTURE: ("file",),
    StageKind.VAD: ("silero", "energy"),
    StageKind.ASR: ("faster-whisper",),
    StageKind.TRANSLATION: ("bergamot",),
    StageKind.TTS: ("hibari", "nanotts"),
}
"""Engines to try, in order, where the profile names none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine class and the options to load it with; equal choices share a pool."""

    engine: type[Engine[Any, Any, Any]]
    options: Options
    core: Mapping[str, Any]
    """Options of the stage that are the core's, such as how VAD probabilities become segments."""
    instances: Instances = field(default_factory=Instances)
    instead_of: tuple[str, ...] = ()
    """Why engines that would have been preferred cannot be used."""

    @property
    def key(self) -> tuple[type, str]:
        return self.engine, self.options.model_dump_json()

    def resolve(self, settings: Settings) -> Choice:
        """With everything filled in that the options leave open. Raises what makes `settings` impossible."""
        with attributed(self.engine, "to load"):
            return replace(self, options=self.engine.resolve(self.options, settings))

    def load(self) -> Engine[Any, Any, Any]:
        """In a worker thread."""
        with attributed(self.engine, "to load"):
            return self.engine(self.options)


@dataclass(frozen=True, slots=True)
class Plan:
    """What streams of certain settings need. Nothing of it is loaded yet."""

    detector: Choice
    recognizer: Choice
    translator: Choice | None = None
    synthesizer: Choice | None = None

    @property
    def choices(self) -> list[Choice]:
        chosen = (self.detector, self.recognizer, self.translator, self.synthesizer)
        return [choice for choice in chosen if choice is not None]

    def check(self, settings: Settings) -> None:
        """Refuse settings that an engine of the plan cannot serve."""
        for choice in (self.recognizer, self.translator, self.synthesizer):
            if choice is not None:
                choice.resolve(settings)


class Session:
    """An async context manager: leaving it drops what waits, waits for running threads, and frees all engines."""

    def __init__(self, profile: Profile, registry: Registry) -> None:
        """Raises `ProfileError` with everything that is wrong with the profile's engines and options."""
        self.profile = profile
        self.registry = registry
        self._chosen = check_options(profile, registry)
        self._pools: dict[tuple[type, str], Pool[Any, Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await uninterrupted(asyncio.gather(*(pool.close() for pool in self._pools.values())))

    def plan(self, settings: Settings, *, speak: bool = False) -> Plan:
        """Choose engines. Raises what makes it impossible, before anything is loaded.

        There is a translator when there is a target language, or when the profile names one that needs none.
        """
        return Plan(
            detector=self._choose(StageKind.VAD, settings),
            recognizer=self._choose(StageKind.ASR, settings),
            translator=self._choose(StageKind.TRANSLATION, settings) if self.translates(settings) else None,
            synthesizer=self._choose(StageKind.TTS, settings) if speak else None,
        )

    def translates(self, settings: Settings) -> bool:
        named = self._chosen.get(StageKind.TRANSLATION)
        return settings.target_language is not None or (
            named is not None and not cast(type[Translator], named.engine).pairs
        )

    async def load(self, plan: Plan) -> Stages:
        """Load what `plan` needs and is not loaded yet, all at once."""
        choices = [plan.detector, plan.recognizer, plan.translator, plan.synthesizer]
        pools = [self._pool(choice) if choice else None for choice in choices]
        await asyncio.gather(*(pool.start() for pool in pools if pool))
        detector, recognizer, translator, synthesizer = pools
        return Stages(
            detector=cast(Pool[AudioChunk, Activity], detector),
            recognizer=cast(Pool[Window, Transcript], recognizer),
            translator=translator,
            synthesizer=synthesizer,
            segmenter=SegmenterOptions(**plan.detector.core),
            packer=PackerOptions(**plan.recognizer.core),
            check=plan.check,
        )

    def formats(self) -> list[str]:
        """What subtitles can be written as."""
        return list(dict.fromkeys(format for engine in self._exporters() for format in engine.formats))

    def exporter(self, format: str) -> Exporter:
        """The engine that writes one of `formats`."""
        named = self._chosen.get(StageKind.EXPORT)
        engine = next(engine for engine in self._exporters() if format in engine.formats)
        with attributed(engine, "to load"):
            return engine(named.options if named else engine.Options())

    def _exporters(self) -> list[type[Exporter]]:
        """The one that the profile names, else all."""
        named = self._chosen.get(StageKind.EXPORT)
        found = [named.engine] if named else self.registry.engines(StageKind.EXPORT).values()
        return cast(list[type[Exporter]], list(found))

    def capture(self, path: Path) -> Capture:
        """What reads `path`: the profile's capture engine, by default the one for files."""
        named = self._chosen.get(StageKind.CAPTURE)
        engine = cast(type[Capture], named.engine if named else self.registry.find(StageKind.CAPTURE, "file"))
        if "path" not in engine.Options.model_fields:
            raise UsageError(f"capture engine {engine.name!r} reads no files", hint="Use --engine capture=file.")
        given = named.options.model_dump(exclude_unset=True) if named else {}
        options, _ = split_options(StageKind.CAPTURE, given | {"path": path}, engine)
        with attributed(engine, "to load"):
            return engine(options)

    def look_into(self, path: Path, settings: Settings) -> None:
        """Refuse a file that cannot be read, before engines are loaded for it. Blocks: call it in a thread."""
        capture = self.capture(path)
        with attributed(capture, f"to open {str(path)!r}"):
            source = capture.open(settings)
            if close := getattr(source, "close", None):
                close()

    def pools(self) -> list[Pool[Any, Any]]:
        return list(self._pools.values())

    # choosing

    def _choose(self, kind: StageKind, settings: Settings) -> Choice:
        """The engine that the profile names; else the first installed one that can do what `settings` ask for."""
        if named := self._chosen.get(kind):
            engine = cast(type[Engine[Any, Any, Any]], named.engine)
            return Choice(engine, named.options, named.core, named.stage.instances).resolve(settings)
        refusals: dict[str, WorkbenchError] = {}
        for candidate in self._candidates(kind):
            try:
                options, core = split_options(kind, {}, candidate)
                missing = tuple(str(error) for error in refusals.values() if isinstance(error, MissingError))
                return Choice(candidate, options, core, instead_of=missing).resolve(settings)
            except WorkbenchError as error:
                refusals[candidate.name] = error
        raise _none_fits(kind, refusals)

    def _candidates(self, kind: StageKind) -> Iterator[type[Engine[Any, Any, Any]]]:
        """Preferred engines first. Translators and voices that declare nothing are only taken when named."""
        installed = cast(dict[str, type[Engine[Any, Any, Any]]], self.registry.engines(kind))
        names = [name for name in PREFERRED.get(kind, ()) if name in installed]
        for name in [*names, *sorted(installed.keys() - names)]:
            if getattr(installed[name], _DECLARATION.get(kind, "name")):
                yield installed[name]

    def _pool(self, choice: Choice) -> Pool[Any, Any]:
        """The pool of equal choices. Not started yet if it is new."""
        if choice.key not in self._pools:
            instances = choice.instances
            self._pools[choice.key] = Pool(choice.load, minimum=instances.min, maximum=instances.max)
        return self._pools[choice.key]


_DECLARATION: Final = {StageKind.TRANSLATION: "pairs", StageKind.TTS: "voices"}


def _none_fits(kind: StageKind, refusals: Mapping[str, WorkbenchError]) -> WorkbenchError:
    if not refusals:
        hint = "To see what to install: workbench doctor. To see what is installed: workbench plugins"
        return MissingError(f"no engine for {kind} is installed", hint=hint)
    errors = list(refusals.values())
    if len(errors) == 1:
        return errors[0]
    missing = next((error for error in errors if isinstance(error, MissingError)), None)
    if missing is not None:
        return missing
    reasons = "; ".join(error.message for error in errors)
    hints = " ".join(f"{name}: {error.hint}" for name, error in refusals.items() if error.hint)
    return UnsupportedLanguage(f"no engine for {kind} fits: {reasons}", hint=hints)


@contextmanager
def attributed(engine: type[AnyEngine] | AnyEngine, doing: str) -> Iterator[None]:
    """Say which engine an exception comes from that is not of the workbench's own kind, and what it failed to do."""
    try:
        yield
    except WorkbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise EngineError(
            f"{engine.kind} engine {engine.name!r} failed {doing}: {in_one_line(error)}",
            hint=f"Name another with --engine {engine.kind}=NAME. Details: {paths.log_file()}",
        ) from error
