"""The engines of live audio: which are wanted, which are loaded, and how the first become the second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from workbench.engines import Settings
from workbench.errors import WorkbenchError
from workbench.plan import Plan
from workbench.plugins import Registry
from workbench.profiles.options import check_options
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.stages import Stages


@dataclass(frozen=True, slots=True)
class Setup:
    """What live audio is to run with."""

    profile: Profile
    settings: Settings


@dataclass(frozen=True, slots=True)
class Loaded:
    """Engines that are ready, and what they were asked for with."""

    plan: Plan
    stages: Stages
    profile: Profile
    settings: Settings


class Engines:
    """On the loop. `run` does the work, one change after the other."""

    def __init__(
        self,
        registry: Registry,
        wanted: Setup,
        told: Callable[[Exception], WorkbenchError],
        hand_over: Callable[[], Awaitable[None]],
    ) -> None:
        """`told` is called with what goes wrong; `hand_over` when others are loaded, before the old ones are unloaded.

        Raises `ProfileError`.
        """
        self.session = Session(wanted.profile, registry)
        self.wanted = wanted
        self.loaded: Loaded | None = None
        self.usable = False
        """Whether work may go to what is loaded."""
        self._registry = registry
        self._told = told
        self._hand_over = hand_over
        self._failure: WorkbenchError | None = None
        self._let_go: Callable[[], None] = lambda: None
        self._applying = False
        self._asked = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._changed = asyncio.Event()

    def change(self, profile: Profile | None, settings: Settings | None) -> None:
        """Want something else; None: as before. What cannot be loaded is not wanted any more. Raises `ProfileError`."""
        if profile is not None:
            check_options(profile, self._registry)
        self.wanted = Setup(profile or self.wanted.profile, settings or self.wanted.settings)
        self._settled.clear()
        self._asked.set()
        if self._applying:
            with suppress(WorkbenchError):  # it is told when its turn comes
                self.session.adopt(self.wanted.profile)
                self.session.queued(self._plan(self.wanted))

    async def settled(self) -> None:
        """Wait until what is wanted is loaded. Raises why it could not be."""
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            wanted, self._applying = self.wanted, True
            try:
                await self._apply(wanted)
                self._failure = None
            except Exception as error:
                self._failure = self._told(error)
                if wanted is self.wanted and self.loaded is not None:
                    self.wanted = wanted = Setup(self.loaded.profile, self.loaded.settings)
                    self.session.adopt(wanted.profile)
            finally:
                self._applying = False
            if wanted is self.wanted:
                self._settled.set()
            self._changed.set()

    async def _apply(self, wanted: Setup) -> None:
        self.session.adopt(wanted.profile)
        self.session.queued(None)
        plan = self._plan(wanted)
        let_go = self.session.hold(plan)
        try:
            stages = await self.session.load(plan)
        except BaseException:
            let_go()
            raise
        self.loaded, self.usable = Loaded(plan, stages, wanted.profile, wanted.settings), True
        self._changed.set()
        await self._hand_over()
        self._let_go()
        self._let_go = let_go
        await self.session.release(plan)

    def _plan(self, wanted: Setup) -> Plan:
        live = wanted.profile.live
        speak = live.speak and live.recognize
        return self.session.plan(wanted.settings, speak=speak, detect=live.detect, recognize=live.recognize)

    async def to_use(self, *, is_last_call: Callable[[], bool]) -> Loaded | None:
        """What is loaded, once something is; None: it is the last call and nothing is being loaded."""
        while not self.usable or self.loaded is None:
            self._changed.clear()
            if is_last_call() and self._settled.is_set():
                return None
            await self._changed.wait()
        return self.loaded

    def give_up(self, loaded: Loaded) -> None:
        """They fail: nothing more goes to them until something changes, as it may have already."""
        if self.loaded is loaded:
            self.usable = False

    def look_again(self) -> None:
        """Let `to_use` see whether it is the last call."""
        self._changed.set()
