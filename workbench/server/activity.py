"""Counts what the server does, and says it: to who asks with `snapshot`, and to who watches as it happens."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from workbench import events
from workbench.live.status import StageStatus, stage_status
from workbench.server.facts import (
    Closed,
    Failure,
    Happening,
    Opened,
    PoolFacts,
    Requests,
    Snapshot,
    StreamFacts,
)
from workbench.server.timing import Arrivals, Decided, Durations, percentiles, rate

if TYPE_CHECKING:
    from workbench.server.engines import Engines
    from workbench.server.hearing import Hearing
    from workbench.server.outbox import Outbox

Watch: TypeAlias = Callable[[Happening], None]
"""Is called on the loop, must not raise, and must not block."""
LAG_EVERY_S: Final = 0.1
LOOK_EVERY_S: Final = 1.0
"""Between two looks at one stream: a tenth of all streams has its turn at a time, so that the loop is not held up."""
RATE_LOOKS: Final = 6
"""A rate is that between the last and the first of so many looks."""
LAST_ERRORS: Final = 50
GONE: Final = 1006
RESTARTING: Final = 1012
_LATENCIES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LAGS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
_TIMES: Final = (0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0)

_COUNTED: Final = ("frames_received", "frames_judged", "bytes_received", "bytes_sent", "coalesced")
"""Of each stream."""


class Activity:
    """On the loop only."""

    def __init__(self, engines: Engines, sessions_limit: int) -> None:
        self._engines = engines
        self._sessions_limit = sessions_limit
        self._started, self._began = time.time(), time.monotonic()
        self._sessions = self._most_sessions = 0
        self._streams: dict[int, StreamActivity] = {}
        self._opened = 0
        self._closed: Counter[int] = Counter()
        self._ended: Counter[str] = Counter()  # of streams that are closed
        self._requests: dict[tuple[str, int], Durations] = {}
        self._answered = 0
        self._answered_at: deque[tuple[float, int]] = deque(maxlen=RATE_LOOKS)
        self._audio: defaultdict[str, float] = defaultdict(float)
        self._lag = Durations(_LAGS, recent=round(60 / LAG_EVERY_S))
        self._errors = 0
        self._last_errors: deque[Failure] = deque(maxlen=LAST_ERRORS)
        self._watches: list[Watch] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        """Streams are ended as they come."""
        self.latency = {of: Durations(_LATENCIES, recent=512) for of in ("speech", "text")}

    def watch(self, callback: Watch) -> Callable[[], None]:
        """Call `callback` when something happens. Gives what ends that."""
        self._watches.append(callback)
        return lambda: self._watches.remove(callback)

    def _tell(self, happening: Happening) -> None:
        for watch in tuple(self._watches):
            watch(happening)

    # what is counted

    def count_sessions(self, now: int) -> None:
        self._sessions, self._most_sessions = now, max(now, self._most_sessions)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """A request was answered; `path` is one that the server has, or "other"."""
        self._answered += 1
        self._requests.setdefault((path, status), Durations(_TIMES, recent=64)).add(seconds)

    def add_audio(self, of: str, seconds: float) -> None:
        """`of`: "files" or "speech"; that of streams is added by themselves."""
        self._audio[of] += seconds

    def failed(self, where: str, message: str, hint: str = "") -> None:
        self._errors += 1
        failure = Failure(time.time(), where, message, hint)
        self._last_errors.append(failure)
        self._tell(failure)

    @contextmanager
    def stream(self, client: str, stop: Callable[[], None]) -> Iterator[StreamActivity]:
        """While a stream is open. `stop` is called once, when the server ends: it ends the stream as its client would.

        What closed it is to be said with `StreamActivity.end` before this is left, unless the client went.
        """
        self._opened += 1
        stream = StreamActivity(self, self._opened, client, stop)
        self._streams[stream.id] = stream
        self._idle.clear()
        try:
            yield stream
        finally:
            del self._streams[stream.id]
            stream.look()
            self._closed[stream.code] += 1
            self._ended.update(_counts([stream.facts]))
            self._audio["streams"] += stream.facts.received_s
            self._tell(Closed(stream.facts, stream.code, stream.reason))
            if not self._streams:
                self._idle.set()

    async def drain(self, patience_s: float) -> None:
        """End all streams as their clients would, and wait until they have ended, but no longer than that."""
        self.draining = True
        for stream in tuple(self._streams.values()):
            stream.stop()
        try:
            async with asyncio.timeout(patience_s):
                await self._idle.wait()
        except TimeoutError:
            for stream in self._streams.values():  # whoever closes the connections ends them with this code
                stream.end(RESTARTING, "the server stops")

    # what is looked at

    async def look(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        turns = round(LOOK_EVERY_S / LAG_EVERY_S)
        turn = 0
        while True:
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.add(max(0.0, loop.time() - due))
            turn = (turn + 1) % turns
            for stream in [one for one in self._streams.values() if one.id % turns == turn]:
                stream.look()
            if not turn:
                self._answered_at.append((loop.time(), self._answered))

    def snapshot(self) -> Snapshot:
        streams = tuple(stream.facts for stream in self._streams.values())
        counts = self._ended + _counts(streams)
        audio = {"files": 0.0, "speech": 0.0, **self._audio}
        audio["streams"] = audio.get("streams", 0.0) + sum(stream.received_s for stream in streams)
        session = self._engines.session
        return Snapshot(
            started=self._started,
            up_s=time.monotonic() - self._began,
            sessions=self._sessions,
            most_sessions=self._most_sessions,
            sessions_limit=self._sessions_limit,
            streams=streams,
            streams_opened=self._opened,
            streams_closed=dict(self._closed),
            requests=tuple(Requests(path, status, took.now()) for (path, status), took in self._requests.items()),
            requests_per_s=rate(self._answered_at),
            audio_s=audio,
            frames_received=counts["frames_received"],
            frames_judged=counts["frames_judged"],
            bytes_received=counts["bytes_received"],
            bytes_sent=counts["bytes_sent"],
            coalesced=counts["coalesced"],
            latency={of: values.now() for of, values in self.latency.items()},
            lag=self._lag.now(),
            problem=self._engines.problem() or "",
            engines=session.states,
            stages=tuple(self._stages()),
            pools=tuple(
                PoolFacts(number, pool.engine.kind, pool.engine.name, pool.statistics())
                for number, pool in enumerate(session.pools())
                if pool.loaded
            ),
            errors=self._errors,
            last_errors=tuple(self._last_errors),
        )

    def _stages(self) -> Iterator[StageStatus]:
        for choice, pool in self._engines.at_work:
            yield stage_status(choice, pool.statistics(), {})


class StreamActivity:
    """What one stream does. `facts` is what was known of it at the last look."""

    def __init__(self, activity: Activity, id: int, client: str, stop: Callable[[], None]) -> None:
        self.id, self.client, self.stop = id, client, stop
        self.code, self.reason = GONE, ""
        self._activity = activity
        self._began = time.monotonic()
        self._stages = self._language = ""
        self._hearing: Hearing | None = None
        self._outbox: Outbox | None = None
        self._arrivals = Arrivals(0.0, 1)
        self._latencies: deque[float] = deque(maxlen=64)
        self._looks: deque[tuple[float, float]] = deque(maxlen=RATE_LOOKS)
        self._received = self._sent = 0
        self.look()

    def begin(self, stages: str, language: str, hearing: Hearing, outbox: Outbox) -> None:
        """Audio is about to come."""
        self._stages, self._hearing, self._outbox = stages, hearing, outbox
        self._arrivals = Arrivals(0.0, 64) if stages == "vad" else Arrivals(0.1, 600)
        self.speaks(language)
        self._activity._tell(Opened(self.facts))

    def speaks(self, language: str) -> None:
        self._language = language
        self.look()

    def arrived(self, size: int, seconds: float) -> None:
        """Audio has come: so many bytes, which are so many seconds."""
        self._received += size
        self._arrivals.add(seconds)

    def decided(self, event: events.Event | dict[str, Any]) -> Decided | None:
        """When the audio came that decided `event`: of speech what was judged last, of text its own end.

        None for other events, and for speech that is recognized too: what decided it is not known here.
        """
        if isinstance(event, events.Transcript | events.Translation):
            at, of = self._arrivals.find(event.transcript.end), "text"
        elif isinstance(event, events.SpeechStarted | events.SpeechEnded) and self._stages == "vad":
            assert self._hearing is not None
            at, of = self._arrivals.find(self._hearing.statistics()["judged_s"]), "speech"
        else:
            return None
        return (of, at) if at is not None else None

    def sent(self, size: int, decided: Decided | None) -> None:
        """An event of so many characters is on its way."""
        self._sent += size
        if decided is not None:
            of, at = decided
            latency = time.monotonic() - at
            self._latencies.append(latency)
            self._activity.latency[of].add(latency)

    def failed(self, error: events.Error) -> None:
        self._activity.failed(self.client, error.message, error.hint)

    def end(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason

    def look(self) -> None:
        now = time.monotonic()
        heard = self._hearing.statistics() if self._hearing else {}
        self._looks.append((now, heard.get("received_s", 0.0)))
        p50, p95, _ = percentiles(self._latencies)
        self.facts = StreamFacts(
            id=self.id,
            client=self.client,
            stages=self._stages,
            language=self._language,
            open_s=now - self._began,
            received_s=heard.get("received_s", 0.0),
            pace=rate(self._looks),
            done_s=heard.get("judged_s", heard.get("recognized_s", 0.0)),
            frames_received=heard.get("frames_received", 0),
            frames_judged=heard.get("frames_judged", 0),
            bytes_received=self._received,
            bytes_sent=self._sent,
            latency_p50_s=p50,
            latency_p95_s=p95,
            waiting_events=len(self._outbox) if self._outbox is not None else 0,
            coalesced=self._outbox.coalesced if self._outbox is not None else 0,
        )


def _counts(streams: Sequence[StreamFacts]) -> Counter[str]:
    return Counter({name: sum(getattr(one, name) for one in streams) for name in _COUNTED})
