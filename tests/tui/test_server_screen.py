"""The screen of a server: driven by keys, with a server and clients that are real, and as it looks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot

pytest.importorskip("fastapi", reason='pip install "audio-workbench[server]"')

from websockets.asyncio.client import connect

import workbench
from tests import fakes
from tests.server.serving import ENGINES, PROFILE, pcm, told, tone
from tests.tui.conftest import SIZES, lines
from tests.tui.test_texts import NAMES, words
from workbench.cli.serve import Offer
from workbench.cli.serve_screen import Served
from workbench.engines import Settings, StageKind
from workbench.live.status import StageStatus
from workbench.models.states import ModelState, Phase
from workbench.profiles.schema import parse_profile
from workbench.server.access import access, bind
from workbench.server.facts import Distribution, Failure, Snapshot, StreamFacts
from workbench.server.limits import Limits
from workbench.system import SystemLoad
from workbench.tui import keymap, texts
from workbench.tui.choices import Choices
from workbench.tui.screens.ask import Ask
from workbench.tui.server_app import Address, ServerApp

GIB = 2**30
LARGE = (120, 40)


class Machine:
    """Always as busy."""

    def sample(self) -> SystemLoad:
        return SystemLoad(41.0, 88.0, 2 * GIB, 16 * GIB, GIB // 2, (), 21 * GIB)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.system.SystemMonitor", Machine)


# with a server


def offer(token_file: Path | None = None) -> Offer:
    sockets = bind("127.0.0.1", 0)
    allowed = access("127.0.0.1", sockets, [], [], token_file)
    return Offer(
        parse_profile(PROFILE),
        fakes.registry(*ENGINES),
        Settings(),
        sockets,
        allowed,
        Limits(shutdown_s=1),
        str(token_file or ""),
    )


def app_of(offered: Offer) -> ServerApp:
    address = Address(offered.addresses, offered.token_file, page=f"{offered.addresses[0]}/")
    return ServerApp(Served(offered), address, Choices())


def drive(
    test: Callable[[Pilot[int], ServerApp], Awaitable[None]],
    size: tuple[int, int] = SIZES["small"],
    offered: Offer | None = None,
) -> ServerApp:
    """Run `test` on the screen of a server that is ready."""

    async def driven() -> ServerApp:
        app = app_of(offered or offer())
        async with app.run_test(size=size) as pilot:
            await fakes.until(lambda: (now := app.facts()) is not None and not now.problem)
            await shows(pilot, "READY ✓")
            await test(pilot, app)
        return app

    app = fakes.run(driven)
    assert app.failure is None
    return app


async def shows(pilot: Pilot[int], text: str) -> None:
    """Wait until it is on the screen."""
    await fakes.until(lambda: text in "\n".join(lines(cast(Any, pilot.app))))


def listen(app: ServerApp) -> Any:
    return connect(f"{app.address.urls[0].replace('http', 'ws')}/v1/listen?stages=vad", compression=None, proxy=None)


def test_it_shows_how_the_server_is_reached_and_what_is_loaded() -> None:
    async def test(pilot: Pilot[int], app: ServerApp) -> None:
        shown = "\n".join(lines(cast(Any, app)))
        assert app.address.urls[0] in shown
        assert f"curl {app.address.urls[0]}/v1/models" in shown
        assert "not needed: only this machine is answered" in shown
        assert "0 now, 0 at most, of 1000" in shown
        assert "Nobody streams." in shown
        await shows(pilot, "small-p")
        await shows(pilot, "✓ ready")

    drive(test)


def test_it_shows_a_stream_as_long_as_it_lasts() -> None:
    async def test(pilot: Pilot[int], app: ServerApp) -> None:
        async with listen(app) as socket:
            await told(socket, "ready")
            for _ in range(20):
                await socket.send(pcm(tone(0.1)))
            await told(socket, "speech_started")
            host, port = socket.local_address
            await shows(pilot, f"{host}:{port}")
            await shows(pilot, "0:02")
            await shows(pilot, "1 session")
            row = next(line for line in lines(cast(Any, app)) if f"{host}:{port}" in line)
            assert "speech" in row
            await socket.send('{"type": "stop"}')
            await told(socket, "done")
        await shows(pilot, "Nobody streams.")
        await shows(pilot, "streams so far 1")

    drive(test)


def test_without_sessions_it_ends_at_once() -> None:
    async def test(pilot: Pilot[int], app: ServerApp) -> None:
        await pilot.press("q")
        await fakes.until(lambda: app.return_code == 0)

    drive(test)


def test_with_sessions_it_asks_and_clients_hear_the_rest() -> None:
    async def test(pilot: Pilot[int], app: ServerApp) -> None:
        async with listen(app) as socket:
            await told(socket, "ready")
            await socket.send(pcm(tone(0.5)))
            await told(socket, "speech_started")
            await pilot.press("q")
            assert isinstance(app.screen, Ask)
            await pilot.press("escape")
            assert not app.is_stopping
            await pilot.press("q", "q")
            types = [json.loads(message)["type"] async for message in socket]
            assert types == ["speech_ended", "statistics", "done"]
            assert socket.close_code == 1001
        await fakes.until(lambda: app.return_code == 0)

    drive(test)


def test_what_goes_wrong_is_shown() -> None:
    async def test(pilot: Pilot[int], app: ServerApp) -> None:
        async with listen(app) as socket:
            await told(socket, "ready")
            await socket.send('{"type": "dance"}')
            await told(socket, "error")
            await shows(pilot, "errors 1")
            await shows(pilot, "127.0.0.1:")
            assert any(line.lstrip().startswith("x ") for line in lines(cast(Any, app)))

    drive(test)


def test_addresses_are_copied_and_the_token_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    offered = offer(path)

    copied: list[str] = []
    monkeypatch.setattr(ServerApp, "copy", lambda app, text: copied.append(text))

    async def test(pilot: Pilot[int], app: ServerApp) -> None:
        await pilot.press("y", "c")
        url = app.address.urls[0]
        assert copied == [url, f'curl -H "Authorization: Bearer $(cat {path})" {url}/v1/models']
        shown = "\n".join(lines(cast(Any, app)))
        assert "needed by everybody" in shown
        assert path.read_text().strip() not in shown + "".join(copied)

    drive(test, (160, 50), offered)


def test_an_engine_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.server.serving.Parrot.fails", True)

    async def driven() -> None:
        app = app_of(offer())
        async with app.run_test(size=SIZES["small"]) as pilot:
            await shows(pilot, "NOT READY ✗")
            await shows(pilot, "x ")
            await shows(pilot, "the parrot is ill")

    fakes.run(driven)


def test_what_the_server_dies_of_ends_the_screen() -> None:
    class Broken:
        def facts(self) -> None:
            return None

        async def serve(self) -> None:
            raise workbench.EngineError("the floor is wet")

    app = ServerApp(Broken(), ADDRESS, Choices())

    async def driven() -> None:
        async with app.run_test():
            await fakes.until(lambda: app.failure is not None)

    with pytest.raises(workbench.EngineError, match="the floor is wet"):
        fakes.run(driven)


# as it looks


@dataclass
class Still:
    """A server that stays as it is."""

    now: Snapshot | None

    def facts(self) -> Snapshot | None:
        return self.now

    async def serve(self) -> None:
        await asyncio.Event().wait()


ADDRESS = Address(("http://127.0.0.1:8765", "http://[::1]:8765"), "", "http://127.0.0.1:8765/")


def stream(id: int, **how: Any) -> StreamFacts:
    usual = StreamFacts(
        id=id,
        client=f"127.0.0.1:{50000 + id}",
        stages="vad",
        language="",
        open_s=12.0 * id,
        received_s=12.0 * id,
        pace=1.0,
        done_s=12.0 * id,
        frames_received=375 * id,
        frames_judged=375 * id - 1,
        bytes_received=384_000 * id,
        bytes_sent=900,
        latency_p50_s=0.004,
        latency_p95_s=0.009,
        waiting_events=0,
        coalesced=0,
    )
    return replace(usual, **how)


def values(count: int, p50: float, p95: float, p99: float) -> Distribution:
    return Distribution(count, count * p50, ((1.0, count),), p50, p95, p99)


def busy(streams: Sequence[StreamFacts]) -> Snapshot:
    loaded = [(StageKind.VAD, "silero", ""), (StageKind.ASR, "faster-whisper", "small"), (StageKind.TTS, "hibari", "")]
    return Snapshot(
        started=1_790_000_000.0,
        up_s=300.0,
        sessions=len(streams),
        most_sessions=len(streams) + 3,
        sessions_limit=1000,
        streams=tuple(streams),
        streams_opened=17,
        streams_closed={1000: 5},
        requests=(),
        requests_per_s=1.25,
        audio_s={"streams": 1234.0},
        frames_received=38_562,
        frames_judged=38_560,
        bytes_received=39_488_000,
        bytes_sent=64_000,
        coalesced=3,
        latency={"speech": values(120, 0.004, 0.012, 0.02), "text": values(40, 0.64, 0.91, 1.2)},
        lag=values(600, 0.0004, 0.002, 0.0042),
        problem="",
        engines=tuple(ModelState(kind, engine, model, Phase.READY) for kind, engine, model in loaded),
        stages=tuple(StageStatus(kind, e, m, 0.003, 0.006, 1, 4, 0, 0, 9) for kind, e, m in loaded),
        pools=(),
        errors=2,
        last_errors=(
            Failure(
                1_790_000_100.0, "127.0.0.1:50002", "type: Input tag 'dance' is not known", "There are: flush, stop."
            ),
            Failure(1_790_000_200.0, "/v1/audio/speech", "the engine 'hibari' failed: it has lost its voice"),
        ),
    )


FEW = [
    stream(
        1, stages="vad,asr", language="en", frames_received=0, frames_judged=0, latency_p50_s=0.6, latency_p95_s=0.9
    ),
    stream(2, pace=1.4),
    stream(3, stages="vad,asr,translation", language="pt-BR", frames_received=0, latency_p50_s=1.3, latency_p95_s=2.0),
    stream(4, waiting_events=12, coalesced=3, client="[fe80::1234:5678]:50004"),
]


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def still(streams: Sequence[StreamFacts] = FEW, **how: Any) -> ServerApp:
    return ServerApp(Still(replace(busy(streams), **how)), ADDRESS, Choices())


async def drawn(pilot: Pilot[int]) -> None:
    await shows(pilot, "127.0.0.1:8765")
    await shows(pilot, "2.0/16.0 G")  # the machine was looked at
    await pilot.pause()


@pytest.mark.parametrize("size", [SIZES["small"], LARGE], ids=["80x24", "120x40"])
def test_the_screen_looks_as_it_should(snap_compare: Any, utc: None, size: tuple[int, int]) -> None:
    assert snap_compare(still(), terminal_size=size, run_before=drawn)


def test_the_screen_of_many_streams_looks_as_it_should(snap_compare: Any, utc: None) -> None:
    app = still([stream(number) for number in range(1, 51)])
    assert snap_compare(app, terminal_size=SIZES["small"], run_before=drawn)


def test_the_screen_speaks_chinese(snap_compare: Any, utc: None) -> None:
    texts.use("zh")
    assert snap_compare(still(), terminal_size=SIZES["small"], run_before=drawn)


def test_no_english_is_left_in_chinese() -> None:
    texts.use("zh")

    async def driven() -> set[str]:
        app = still(errors=0, last_errors=())
        async with app.run_test(size=(160, 50)) as pilot:
            await drawn(pilot)
            found = words("\n".join(lines(cast(Any, app))))
            await pilot.press("question_mark")
            await pilot.pause()
            return found | words("\n".join(lines(cast(Any, app))))

    known = "curl http ms models silero faster whisper small hibari pt br en kb mb fe80 rt"
    names = words(" ".join([NAMES, known, *keymap.bindings(), str(keymap.keys_file())]))
    left = fakes.run(driven) - names
    assert not [word for word in left if not any(word in name for name in names)], "some are cut off"


def test_a_list_that_is_longer_than_the_screen_is_scrolled() -> None:
    async def driven() -> None:
        app = still([stream(number) for number in range(1, 51)])
        async with app.run_test(size=SIZES["small"]) as pilot:
            await shows(pilot, "1-6 of 50")
            await pilot.press("j")
            await shows(pilot, "2-7 of 50")
            await pilot.press("G")
            await shows(pilot, "127.0.0.1:50050")
            await shows(pilot, "45-50 of 50")
            await pilot.press("pageup")
            await shows(pilot, "40-45 of 50")
            await pilot.press("g")
            await shows(pilot, "1-6 of 50")

    fakes.run(driven)


def test_the_streams_scroll_back_when_there_are_fewer() -> None:
    async def driven() -> None:
        app = still([stream(number) for number in range(1, 51)])
        async with app.run_test(size=SIZES["small"]) as pilot:
            await shows(pilot, "1-6 of 50")
            await pilot.press("end")
            await shows(pilot, "45-50 of 50")
            cast(Still, app._served).now = busy(FEW)
            await shows(pilot, "127.0.0.1:50001")

    fakes.run(driven)


def test_before_the_server_runs_the_address_is_there() -> None:
    async def driven() -> None:
        app = ServerApp(Still(None), ADDRESS, Choices())
        async with app.run_test(size=SIZES["small"]) as pilot:
            await shows(pilot, "Starting")
            await shows(pilot, "http://127.0.0.1:8765")

    fakes.run(driven)


def test_where_nothing_changes_nothing_is_drawn() -> None:
    async def driven() -> None:
        app = still()
        async with app.run_test(size=SIZES["small"]) as pilot:
            await drawn(pilot)
            drawings: list[Any] = []
            app._display = lambda *what: drawings.append(what)  # type: ignore[method-assign]
            for _ in range(3):
                cast(Any, app.screen).look()
                await pilot.pause()
            assert not drawings

    fakes.run(driven)
