"""The engines that all clients share: kept loaded, and found for each request."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from workbench.engines import Settings, StageKind
from workbench.errors import MissingError, UnsupportedLanguage, WorkbenchError
from workbench.jobs.request import pinned
from workbench.loading import explained
from workbench.plan import Choice, Plan
from workbench.pool import Pool
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.stages import Stages

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Between attempts to load what could not be loaded."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """What is loaded for one kind of stage."""

    id: str
    kind: StageKind
    engine: str


class Engines:
    """On the loop only. `settings` are those of a stream that sets none."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self.session = session
        self.settings = settings
        self._loaded: Session | None = None  # with the engines that were loaded for everybody, none left to choose
        self._plans: list[Plan] = []
        self._pools: dict[StageKind, Any] = {}
        self._at_work: list[tuple[Choice, Pool[Any, Any]]] = []
        self._failure = "engines are being loaded"
        self._held: list[Callable[[], None]] = []
        self._lost = asyncio.Event()

    # kept loaded

    async def keep_loaded(self, told: Callable[[str], None]) -> None:
        """Load what every client needs, and again what breaks, for ever. `told` gets lines for who runs the server."""
        pause_s, said = FIRST_PAUSE_S, self._failure
        unwatch = self.session.watch(lambda states: self._lost.set())
        try:
            while True:
                self._lost.clear()
                if self.problem() is not None:
                    self._failure = await self._load() or ""
                    if self._failure != said:
                        told(self._failure or "Ready.")
                        said = self._failure
                if self._failure:
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                else:
                    pause_s = FIRST_PAUSE_S
                    _keep()
                    await self._lost.wait()
        finally:
            unwatch()

    async def _load(self) -> str | None:
        """Why speech cannot be recognized; None: it can. Speech is made where that is possible."""
        try:
            plan = self.session.plan(self.settings)
            stages = await self.session.load(plan)
        except WorkbenchError as error:
            _log.warning("engines could not be loaded", exc_info=error)
            return explained(error)
        self._hold(plan)
        self._plans, self._pools = [plan], {StageKind.VAD: stages.detector, StageKind.ASR: stages.recognizer}
        self._loaded = self.session.beside(pinned(self.session.profile, plan))
        self._at_work = list(_paired(plan, stages))
        try:
            self._plans.append(self.session.plan_speech(self.settings))
            self._at_work += _paired(self._plans[-1], await self.session.load(self._plans[-1]))
            self._hold(*self._plans)
        except WorkbenchError as error:
            _log.info("no speech is made", exc_info=error)
        return None

    def _hold(self, *plans: Plan) -> None:
        """Keep them where a file job makes room, because memory ran out: streams need them."""
        for let_go in self._held:
            let_go()
        self._held = [self.session.hold(plan) for plan in plans]

    def problem(self) -> str | None:
        """Why nothing can be recognized now; None: it can."""
        if self._failure:
            return self._failure
        for kind, pool in self._pools.items():
            if not pool.loaded:
                return f"the {kind} engine {pool.engine.name!r} does not work: {pool.failure or 'it is being loaded'}"
        return None

    # found

    @property
    def at_work(self) -> list[tuple[Choice, Pool[Any, Any]]]:
        """What was loaded for everybody, and is not gone."""
        return [(choice, pool) for choice, pool in self._at_work if pool.loaded]

    @property
    def models(self) -> list[Model]:
        """What was loaded for everybody."""
        choices = {choice.engine.kind: choice for plan in self._plans for choice in plan.choices}
        return [Model(choice.model or choice.engine.name, kind, choice.engine.name) for kind, choice in choices.items()]

    @property
    def recognizer(self) -> Choice | None:
        """What recognizes speech of a client that asks for nothing; None until it was loaded."""
        return self._plans[0].recognizer if self._plans else None

    async def recognition(self, settings: Settings, *, translate: bool | None = None) -> Stages:
        """What recognizes speech of `settings`, loaded if need be. Raises `WorkbenchError` where that is impossible."""
        plan = self._plan(settings)
        if translate is False:
            plan = replace(plan, translator=None)
        return await self.session.load(plan)

    def _plan(self, settings: Settings) -> Plan:
        """With what is loaded, where that can do it: choosing anew counts the memory that it takes as gone."""
        if self._loaded is None:
            return self.session.plan(settings)
        try:
            return self._loaded.plan(settings)
        except UnsupportedLanguage as refused:
            try:
                return self.session.plan(settings)
            except MissingError as missing:  # for whoever runs the server; the client has asked for too much
                raise refused from missing

    def profile(self, settings: Settings) -> Profile:
        """That of what recognizes speech of `settings`, nothing left open. Raises as `recognition` does."""
        return pinned(self.session.profile, self._plan(settings))

    async def detection(self) -> Stages:
        """What only finds speech."""
        return await self.session.load(self.session.plan(self.settings, recognize=False))

    async def synthesis(self, settings: Settings) -> Any:
        """The pool that speaks. Raises `WorkbenchError` where no engine can."""
        stages = await self.session.load(self.session.plan_speech(settings))
        return stages.synthesizer


def _keep() -> None:
    """Look for no garbage in what is loaded: that holds the loop up for tens of milliseconds each time."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _paired(plan: Plan, stages: Stages) -> Iterator[tuple[Choice, Pool[Any, Any]]]:
    choices = (plan.detector, plan.recognizer, plan.translator, plan.synthesizer)
    pools = (stages.detector, stages.recognizer, stages.translator, stages.synthesizer)
    for choice, pool in zip(choices, pools, strict=True):
        if choice is not None and pool is not None:
            yield choice, pool
