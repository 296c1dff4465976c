"""How far each engine is with its weights: the one source that every screen and interface reads."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from workbench.engines import StageKind


class Phase(StrEnum):
    ABSENT = "absent"
    """Wanted, and its weights, or a package that it needs, are not on this machine."""
    DOWNLOADING = "downloading"
    LOADING = "loading"
    WARMING = "warming"
    """Loaded; a first call is made, which is slower than others."""
    READY = "ready"
    FAILED = "failed"
    UNLOADING = "unloading"


def engine_title(engine: str, model: str) -> str:
    """What people call an engine with its weights, such as "faster-whisper tiny.en"."""
    return f"{engine} {model}".rstrip()


@dataclass(frozen=True, slots=True)
class ModelState:
    """One loaded engine, or one that is wanted."""

    kind: StageKind
    engine: str
    model: str
    """The name of its weights; empty where an engine has but one."""
    phase: Phase
    done: int = 0
    """Bytes fetched so far, while downloading; while loading, bytes put together from a package."""
    total: int = 0
    """Bytes in all; 0: not known."""
    message: str = ""
    """Why it failed or is absent; on a second line what to do."""
    next: str = ""
    """The title of what is loaded after it, because it was asked for meanwhile."""

    @property
    def title(self) -> str:
        return engine_title(self.engine, self.model)


Watch: TypeAlias = Callable[[tuple[ModelState, ...]], None]
"""Is called on the loop with all states, after each change."""

UNDER_WAY: Final = frozenset({Phase.ABSENT, Phase.DOWNLOADING, Phase.LOADING, Phase.WARMING})
"""Phases of an engine that is being loaded; of one that could not be loaded for want of something, `ABSENT` too."""
FOLLOWS: Final[Mapping[Phase, frozenset[Phase]]] = {
    **dict.fromkeys(UNDER_WAY, UNDER_WAY | {Phase.READY, Phase.FAILED, Phase.UNLOADING}),
    Phase.READY: frozenset({Phase.LOADING, Phase.FAILED, Phase.UNLOADING}),
    Phase.FAILED: frozenset({Phase.LOADING, Phase.UNLOADING}),
    Phase.UNLOADING: frozenset(),
}
"""What may come after a phase. A state begins as `ABSENT` or `LOADING`."""
_AT_WORK: Final = UNDER_WAY - {Phase.ABSENT}
_ORDER: Final = list(StageKind)


@dataclass(frozen=True, slots=True)
class Queued:
    """What will be loaded for a kind of stage after what is loaded now."""

    identity: Hashable
    """Equal to that of a state which it does not replace."""
    title: str


class ModelStates:
    """The states of all engines of a session, one for each owner, such as a pool. On the loop only."""

    def __init__(self) -> None:
        self._states: dict[Hashable, ModelState] = {}
        self._identities: dict[Hashable, Hashable] = {}
        self._queued: Mapping[StageKind, Queued] = {}
        self._watches: list[Watch] = []

    def current(self) -> tuple[ModelState, ...]:
        """All of them in the order of the stages, the oldest of a kind first."""
        states = [replace(state, next=self._next(owner, state)) for owner, state in self._states.items()]
        return tuple(sorted(states, key=lambda state: _ORDER.index(state.kind)))

    def phase(self, owner: Hashable) -> Phase | None:
        return self._states[owner].phase if owner in self._states else None

    def watch(self, callback: Watch) -> Callable[[], None]:
        """Call `callback`, which must not raise, after each change. Returns what ends that."""
        self._watches.append(callback)

        def unsubscribe() -> None:
            if callback in self._watches:
                self._watches.remove(callback)

        return unsubscribe

    def add(self, owner: Hashable, identity: Hashable, state: ModelState) -> None:
        """Begin the state of `owner`."""
        assert owner not in self._states
        assert state.phase in (Phase.ABSENT, Phase.LOADING)
        self._states[owner], self._identities[owner] = state, identity
        self._tell()

    def move(self, owner: Hashable, phase: Phase, done: int = 0, total: int = 0, message: str = "") -> None:
        """Change the state of `owner`, to a phase that may follow."""
        before = self._states[owner]
        after = replace(before, phase=phase, done=done, total=total, message=message)
        assert phase is before.phase or phase in FOLLOWS[before.phase], f"{before.phase} to {phase}"
        if after != before:
            self._states[owner] = after
            self._tell()

    def drop(self, owner: Hashable) -> None:
        """End the state of `owner`, if there is one."""
        if self._states.pop(owner, None) is not None:
            del self._identities[owner]
            self._tell()

    def queue(self, wanted: Mapping[StageKind, Queued]) -> None:
        """Say what comes after what is being loaded now."""
        if wanted != self._queued:
            self._queued = wanted
            self._tell()

    def _next(self, owner: Hashable, state: ModelState) -> str:
        """What replaces it: of one kind, what is being loaded says that; where nothing is, all do."""
        wanted = self._queued.get(state.kind)
        if wanted is None or wanted.identity == self._identities[owner] or state.phase is Phase.UNLOADING:
            return ""
        loading = [other for other in self._states.values() if other.kind is state.kind and other.phase in _AT_WORK]
        return wanted.title if state in loading or not loading else ""

    def _tell(self) -> None:
        if self._watches:
            states = self.current()
            for watch in tuple(self._watches):
                watch(states)
