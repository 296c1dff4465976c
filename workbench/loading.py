"""Loads engines into pools, unloads them, and knows how far each is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from workbench.errors import MissingError, WorkbenchError, is_expected
from workbench.models.states import UNDER_WAY, ModelState, ModelStates, Phase
from workbench.plan import Choice, Key
from workbench.pool import Pool
from workbench.threads import uninterrupted

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Pools:
    """One pool for all equal choices. On the loop; engines load in worker threads."""

    def __init__(self, states: ModelStates) -> None:
        """`states` gets one for each pool."""
        self._states = states
        self._choices: dict[Pool[Any, Any], Choice] = {}
        self._waiting: Counter[Pool[Any, Any]] = Counter()  # how many loads wait for each
        self._given_up: set[Pool[Any, Any]] = set()  # whose downloads nobody waits for any more

    def all(self) -> list[Pool[Any, Any]]:
        return list(self._choices)

    async def load(self, choices: Iterable[Choice]) -> dict[Key, Pool[Any, Any]]:
        """Load what is not loaded yet, all at once.

        Raises what the first that fails raises; the others stay loaded. Returns only when none of these is being loaded
        any more, even when cancelled: a download that nobody else waits for then stops, and can be gone on with.
        """
        await self._unload([pool for pool in self._choices if pool.broken and not self._is_leaving(pool)])
        pools = {choice.key: self._find(choice) or self._open(choice) for choice in choices}
        self._given_up.difference_update(pools.values())
        started = asyncio.gather(*(pool.start() for pool in pools.values()), return_exceptions=True)
        errors = [outcome for outcome in await self._settled(started, pools.values()) if outcome is not None]
        for error in errors[1:]:
            detail = None if is_expected(error) else error
            _log.error("another engine could not be loaded either: %s", error, exc_info=detail)
        if errors:
            raise errors[0]
        return pools

    async def _settled(self, started: asyncio.Future[T], pools: Collection[Pool[Any, Any]]) -> T:
        self._waiting.update(pools)
        try:
            await asyncio.wait([started])
        finally:
            self._waiting.subtract(pools)
            if not started.done():  # cancelled
                self._given_up.update(pool for pool in pools if not self._waiting[pool])
            outcome = await uninterrupted(started)
        return outcome

    async def release(self, keep: Collection[Key]) -> None:
        """Unload all but `keep`. Returns when their memory is free, even when cancelled."""
        await self._unload([pool for pool, choice in self._choices.items() if choice.key not in keep])

    def _find(self, choice: Choice) -> Pool[Any, Any] | None:
        for pool, other in self._choices.items():
            if other.key == choice.key and not self._is_leaving(pool):
                return pool
        return None

    def _open(self, choice: Choice) -> Pool[Any, Any]:
        loop = asyncio.get_running_loop()

        def report(phase: Phase, done: int = 0, total: int = 0) -> None:
            if phase is Phase.DOWNLOADING and pool in self._given_up:
                raise MissingError(f"the download of {choice.title} was stopped", hint="It goes on where it was.")
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody looks any more
                loop.call_soon_threadsafe(self._reported, pool, phase, done, total)

        pool: Pool[Any, Any] = Pool(
            lambda: choice.load(report),
            minimum=choice.instances.min,
            maximum=choice.instances.max,
            acquire_timeout_s=choice.instances.acquire_timeout_s,
            memory_mb=choice.memory_mb,
            changed=lambda: self._changed(pool),
        )
        self._choices[pool] = choice
        state = ModelState(choice.engine.kind, choice.engine.name, choice.model, Phase.LOADING)
        self._states.add(pool, choice.key, state)
        return pool

    async def _unload(self, pools: list[Pool[Any, Any]]) -> None:
        for pool in pools:
            self._states.move(pool, Phase.UNLOADING)
            self._given_up.add(pool)
        await uninterrupted(asyncio.gather(*map(self._close, pools)))

    async def _close(self, pool: Pool[Any, Any]) -> None:
        await pool.close()
        self._choices.pop(pool, None)
        self._given_up.discard(pool)
        del self._waiting[pool]
        self._states.drop(pool)

    # what becomes of a pool

    def _is_leaving(self, pool: Pool[Any, Any]) -> bool:
        return self._states.phase(pool) in (None, Phase.UNLOADING)

    def _reported(self, pool: Pool[Any, Any], phase: Phase, done: int, total: int) -> None:
        """A thread has come further. Where engines work already, one more that is loaded changes nothing."""
        if self._states.phase(pool) in UNDER_WAY and not pool.failure:
            self._states.move(pool, phase, done, total)

    def _changed(self, pool: Pool[Any, Any]) -> None:
        """There are engines in `pool`, or none any more, or none yet."""
        if self._is_leaving(pool):
            return
        if error := pool.failure:
            phase = Phase.ABSENT if isinstance(error, MissingError) else Phase.FAILED
            self._states.move(pool, phase, message=explained(error))
        else:
            self._states.move(pool, Phase.READY if pool.loaded else Phase.LOADING)


def explained(error: BaseException) -> str:
    """Why, and on a second line what to do."""
    reason, hint = str(error), getattr(error, "hint", "")
    if isinstance(cause := error.__cause__, WorkbenchError):
        reason, hint = f"{reason}: {cause}", hint or cause.hint
    return "\n".join(" ".join(line.split()) for line in (reason, hint) if line)
