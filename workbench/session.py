"""From a profile and the installed engines to running streams: chooses, loads, and shares pools between streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self, cast

from workbench.audio.bounded import USUAL, Bounded, Bounds
from workbench.engines import Capture, Engine, Exporter, Settings, StageKind, Translator
from workbench.errors import MissingError, UnsupportedLanguage, UsageError, WorkbenchError
from workbench.hookspecs import EngineClass
from workbench.loading import Pools, explained
from workbench.models.states import ModelState, ModelStates, Phase, Queued, Watch
from workbench.plan import Choice, Key, Plan, attributed
from workbench.plugins import Registry, how_to_install, how_to_take_up
from workbench.pool import Pool
from workbench.profiles.options import Chosen, check_options, split_options
from workbench.profiles.schema import Hardware, Profile
from workbench.source import OpenedSource
from workbench.speech.packer import PackerOptions
from workbench.speech.segmenter import SegmenterOptions
from workbench.stages import Stages

PREFERRED: Final[Mapping[StageKind, tuple[str, ...]]] = {
    StageKind.CAPTURE: ("file",),
    StageKind.VAD: ("silero", "webrtc", "energy"),
    StageKind.ASR: ("faster-whisper",),
    StageKind.TRANSLATION: ("bergamot",),
    StageKind.TTS: ("hibari", "nanotts"),
}
"""Engines to try, in order, where the profile names none."""


class Session:
    """An async context manager: leaving it drops what waits, waits for running threads, and frees all engines."""

    def __init__(self, profile: Profile, registry: Registry) -> None:
        """Raises `ProfileError` with everything that is wrong with the profile's engines and options."""
        self.registry = registry
        self._bounds = USUAL
        self._states = ModelStates()
        self._pools = Pools(self._states)
        self._held: list[set[Key]] = []
        self.adopt(profile)

    def adopt(self, profile: Profile) -> None:
        """Plan with `profile` from now on; what is loaded stays. When `ProfileError` is raised, nothing has changed."""
        self._chosen = check_options(profile, self.registry)
        self.profile = profile

    def beside(self, profile: Profile, bounds: Bounds | None = None) -> Session:
        """Another profile over the same loaded engines, which stay this session's: do not enter it.

        `bounds` of the files that it reads, and sessions beside it; None: those of this one. How far engines are is
        among the states of this session; what is missing for the other profile is not. Raises `ProfileError`.
        """
        other = Session(profile, self.registry)
        other._pools, other._held, other._bounds = self._pools, self._held, bounds or self._bounds
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pools.release(set())

    def plan(self, settings: Settings, *, speak: bool = False, detect: bool = True, recognize: bool = True) -> Plan:
        """Choose engines. Raises what makes it impossible, before anything is loaded.

        There is a translator when there is a target language, or when the profile names one that needs none. What is
        not recognized is neither translated nor spoken. An engine that is missing is among `states` until the next
        plan.
        """
        if recognize and not detect:
            raise UsageError(
                "speech cannot be recognized unless it is found", hint="Turn detection on, or recognition off."
            )
        for kind in StageKind:
            self._states.drop(kind)
        translate = recognize and self.translates(settings)
        return Plan(
            detector=self._choose(StageKind.VAD, settings) if detect else None,
            recognizer=self._choose(StageKind.ASR, settings) if recognize else None,
            translator=self._choose(StageKind.TRANSLATION, settings) if translate else None,
            synthesizer=self._choose(StageKind.TTS, settings) if speak and recognize else None,
        )

    def plan_speech(self, settings: Settings) -> Plan:
        """Choose what speaks texts, and nothing else. Raises what makes it impossible."""
        return Plan(synthesizer=self._choose(StageKind.TTS, settings))

    def translates(self, settings: Settings) -> bool:
        named = self._chosen.get(StageKind.TRANSLATION)
        return settings.target_language is not None or (
            named is not None and not cast(type[Translator], named.engine).pairs
        )

    # loading

    async def load(self, plan: Plan) -> Stages:
        """Load what `plan` needs and is not loaded yet, all at once.

        Raises what the first engine that fails raises; the others stay loaded. Returns only when no thread loads any
        more, even when cancelled.
        """
        pools = await self._pools.load(plan.choices)

        def loaded(choice: Choice | None) -> Any:
            return pools[choice.key] if choice else None

        return Stages(
            detector=loaded(plan.detector),
            recognizer=loaded(plan.recognizer),
            translator=loaded(plan.translator),
            synthesizer=loaded(plan.synthesizer),
            segmenter=SegmenterOptions(**plan.detector.core) if plan.detector else SegmenterOptions(),
            packer=PackerOptions(**plan.recognizer.core) if plan.recognizer else PackerOptions(),
            check=plan.check,
        )

    def hold(self, plan: Plan) -> Callable[[], None]:
        """Let `release` spare what `plan` needs, whoever calls it. Returns what ends that."""
        held = {choice.key for choice in plan.choices}
        self._held.append(held)

        def let_go() -> None:
            self._held[:] = [other for other in self._held if other is not held]

        return let_go

    async def release(self, keep: Plan | None) -> None:
        """Unload all engines that neither `keep` needs nor somebody holds.

        Returns when their memory is free, even when cancelled.
        """
        kept = {choice.key for choice in keep.choices} if keep else set()
        await self._pools.release(kept.union(*self._held))

    @property
    def states(self) -> tuple[ModelState, ...]:
        """How far each engine is, in the order of the stages. To be read on the loop."""
        return self._states.current()

    def watch(self, callback: Watch) -> Callable[[], None]:
        """Call `callback`, which must not raise, on the loop after each change of `states`.

        Of what is fetched it is told about ten times a second. Returns what ends that.
        """
        return self._states.watch(callback)

    def queued(self, plan: Plan | None) -> None:
        """Show in `states` that `plan` is loaded next; None: nothing waits any more."""
        choices = plan.choices if plan else []
        self._states.queue({choice.engine.kind: Queued(choice.key, choice.title) for choice in choices})

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
        if not _reads_files(engine):
            raise UsageError(f"capture engine {engine.name!r} reads no files", hint="Use --engine capture=file.")
        return _capture(engine, named, self.profile.hardware, path=path)

    def bounded(self, path: Path) -> Bounded:
        """What reads `path`, and refuses what it costs too much to decode: nobody knows who made a file."""
        return Bounded(self.capture(path), path, self._bounds)

    def source(self, device: str | None, path: Path | None, pace: float) -> Capture:
        """What live audio comes from: a file, played at `pace` times real time, or else a device; None: the default.

        It is the profile's capture engine where that one reads files, or devices.
        """
        named = self._chosen.get(StageKind.CAPTURE)
        if named is not None and _reads_files(named.engine) is not (path is not None):
            named = None
        default = "microphone" if path is None else "file"
        engine = cast(type[Capture], named.engine if named else self.registry.find(StageKind.CAPTURE, default))
        if path is not None:
            paced = {"pace": pace} if "pace" in engine.Options.model_fields else {}
            return _capture(engine, named, self.profile.hardware, path=path, **paced)
        return _capture(engine, named, self.profile.hardware, **{"device": device} if device is not None else {})

    def look_into(self, path: Path, settings: Settings) -> float | None:
        """Refuse a file that cannot be read, before engines are loaded for it. Blocks: call it in a thread.

        Gives the seconds of audio, where that is known.
        """
        capture = self.bounded(path)
        with attributed(capture, f"to open {str(path)!r}"):
            OpenedSource.of(lambda: capture, settings).close()
        return capture.duration

    def pools(self) -> list[Pool[Any, Any]]:
        return self._pools.all()

    # choosing

    def _choose(self, kind: StageKind, settings: Settings) -> Choice:
        """The engine that the profile names; else the first installed one that can do what `settings` ask for."""
        named = self._chosen.get(kind)
        choice = named and Choice(
            cast(type[Engine[Any, Any, Any]], named.engine), named.options, named.core, named.stage.instances
        )
        try:
            return choice.resolve(settings) if choice else self._first_that_fits(kind, settings)
        except MissingError as error:
            engine, model = (choice.engine.name, choice.model) if choice else (PREFERRED[kind][0], "")
            self._states.add(kind, kind, ModelState(kind, engine, model, Phase.ABSENT, message=explained(error)))
            raise

    def _first_that_fits(self, kind: StageKind, settings: Settings) -> Choice:
        refusals: dict[str, WorkbenchError] = {}
        for candidate in self._candidates(kind):
            try:
                options, core = split_options(kind, {}, candidate)
                missing = tuple(str(error) for error in refusals.values() if isinstance(error, MissingError))
                return Choice(candidate, options, core, instead_of=missing).resolve(settings)
            except WorkbenchError as error:
                refusals[candidate.name] = error
        raise _none_fits(kind, refusals, self.registry)

    def _candidates(self, kind: StageKind) -> Iterator[type[Engine[Any, Any, Any]]]:
        """Preferred engines first. Translators and voices that declare nothing are only taken when named."""
        installed = cast(dict[str, type[Engine[Any, Any, Any]]], self.registry.engines(kind))
        names = [name for name in PREFERRED.get(kind, ()) if name in installed]
        for name in [*names, *sorted(installed.keys() - names)]:
            if getattr(installed[name], _DECLARATION.get(kind, "name")):
                yield installed[name]


_DECLARATION: Final = {StageKind.TRANSLATION: "pairs", StageKind.TTS: "voices"}


def translation_pairs(profile: Profile, registry: Registry) -> set[tuple[str, str]] | None:
    """From which language into which (BCP-47) the engine that is named translates, or else all; None: not known."""
    installed = cast("dict[str, type[Translator]]", registry.engines(StageKind.TRANSLATION))
    named = profile.translation
    chosen = [engine for name, engine in installed.items() if (name == named.engine if named else engine.pairs)]
    if not all(engine.pairs for engine in chosen):
        return None
    return {pair for engine in chosen for pair in engine.pairs}


def _none_fits(kind: StageKind, refusals: Mapping[str, WorkbenchError], registry: Registry) -> WorkbenchError:
    if not refusals:
        hint = how_to_take_up(registry.plugins) or how_to_install(kind)
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


def _reads_files(engine: EngineClass) -> bool:
    return "path" in engine.Options.model_fields


def _capture(engine: type[Capture], named: Chosen | None, hardware: Hardware, **more: Any) -> Capture:
    """With the profile's options, where it names this engine, and `more`; what it says of memory mapping is usual."""
    knows_mapping = "memory_mapping" in engine.Options.model_fields
    usual = {"memory_mapping": hardware.memory_mapping} if knows_mapping else {}
    given = named.options.model_dump(exclude_unset=True) if named else {}
    options, _ = split_options(StageKind.CAPTURE, usual | given | more, engine)
    with attributed(engine, "to load"):
        return engine(options)
