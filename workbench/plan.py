"""Which engines streams of certain settings need, with which options, and how one of them is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

from workbench import paths
from workbench.engines import Capture, Engine, Exporter, Options, Settings
from workbench.errors import EngineError, WorkbenchError, in_one_line
from workbench.models import Model, loading_progress, present
from workbench.models.progress import log_progress, paced
from workbench.models.states import Phase, engine_title
from workbench.profiles.schema import Instances

AnyEngine: TypeAlias = Engine[Any, Any, Any] | Capture | Exporter
Key: TypeAlias = tuple[type, str]
"""Equal for choices that share a pool."""


class Report(Protocol):
    """Is told, in the thread that loads, how far it is."""

    def __call__(self, phase: Phase, done: int = 0, total: int = 0) -> None: ...


def _nobody(phase: Phase, done: int = 0, total: int = 0) -> None:
    """Nobody wants to know."""


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
    def key(self) -> Key:
        return self.engine, self.options.model_dump_json()

    @property
    def model(self) -> str:
        """The name of the weights; empty where an engine has but one."""
        return str(getattr(self.options, "model", None) or "")

    @property
    def title(self) -> str:
        return engine_title(self.engine.name, self.model)

    def resolve(self, settings: Settings) -> Choice:
        """With everything filled in that the options leave open. Raises what makes `settings` impossible."""
        with attributed(self.engine, "to load"):
            return replace(self, options=self.engine.resolve(self.options, settings))

    def load(self, report: Report = _nobody) -> Engine[Any, Any, Any]:
        """Fetch weights that are not here, load them, and warm up. In a worker thread."""
        with attributed(self.engine, "to load"):
            here = self.is_here()
            report(Phase.ABSENT if here is False else Phase.LOADING)
            with self._fetching(report, Phase.LOADING if here else Phase.DOWNLOADING):
                engine = self.engine(self.options)
        report(Phase.WARMING)
        try:
            with attributed(self.engine, "to warm up"):
                engine.warm_up()
        except BaseException:
            engine.close()
            raise
        return engine

    @property
    def memory_mb(self) -> int:
        """RAM that one copy takes at least; 0 where its weights have no name."""
        return model.memory_mb if (model := self._named_model()) else 0

    def _named_model(self) -> Model | None:
        return next((model for model in self.engine.models() if model.name == self.model), None)

    def is_here(self) -> bool | None:
        """Whether the weights are on this machine; None when that cannot be told."""
        return present(model) is not None if (model := self._named_model()) else None

    @contextmanager
    def _fetching(self, report: Report, phase: Phase) -> Iterator[None]:
        """Report what is fetched as `phase`, and tell it as well to whoever asked for that before."""
        told = loading_progress.get() or log_progress(self.title)

        def fetched(done: int, total: int) -> None:
            if 0 < total <= done:
                report(Phase.LOADING)
            else:
                report(phase, done, total)

        reported = paced(fetched)

        def both(done: int, total: int) -> None:
            told(done, total)
            reported(done, total)

        token = loading_progress.set(both)
        try:
            yield
        finally:
            loading_progress.reset(token)


@dataclass(frozen=True, slots=True)
class Plan:
    """What streams of certain settings need. Nothing of it is loaded yet."""

    detector: Choice | None = None
    recognizer: Choice | None = None
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


@contextmanager
def attributed(engine: type[AnyEngine] | AnyEngine, doing: str) -> Iterator[None]:
    """Say which engine an exception comes from, and in one that is not of the workbench's kind what it failed to do."""
    try:
        yield
    except WorkbenchError as error:
        error.stage = engine.kind
        raise
    except (Exception, SystemExit) as error:
        problem = EngineError(
            f"{engine.kind} engine {engine.name!r} failed {doing}: {in_one_line(error)}",
            hint=f"Name another with --engine {engine.kind}=NAME. Details: {paths.log_file()}",
        )
        problem.stage = engine.kind
        raise problem from error
