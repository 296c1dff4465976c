"""What is known of a server: counted by the server itself while clients that are real use it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from tests.fakes import run, stopwatch, until
from tests.server.serving import Parrot, Server, pcm, serving, silence, talk, told, tone
from workbench.server.activity import Activity
from workbench.server.facts import Closed, Failure, Happening, Opened
from workbench.server.limits import Limits


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Activity]:
    """Of each server that begins."""
    found: list[Activity] = []

    class Found(Activity):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            found.append(self)

    monkeypatch.setattr("workbench.server.serving.Activity", Found)
    return found


async def figures(server: Server) -> dict[str, float]:
    """What /metrics says, by name and labels."""
    async with server.http() as client:
        lines = (await client.get("/metrics")).text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name.removeprefix("workbench_"): float(value) for name, _, value in pairs}


def test_a_stream_is_told_of_from_its_begin_to_its_end(made: list[Activity]) -> None:
    async def test() -> None:
        async with serving() as server:
            happened: list[Happening] = []
            made[0].watch(happened.append)
            async with server.listen("stages=vad&language=en") as socket:
                await told(socket, "ready")
                (opened,) = happened
                assert isinstance(opened, Opened)
                assert opened.stream.client == "{}:{}".format(*socket.local_address)
                assert (opened.stream.stages, opened.stream.language) == ("vad", "en")
                await socket.send(pcm(talk(1.0)))
                await told(socket, "speech_ended")
                await socket.send('{"type": "stop"}')
                await told(socket, "done")
            await until(lambda: len(happened) == 2)
            closed = happened[1]
            assert isinstance(closed, Closed)
            assert closed.code == 1000
            one = closed.stream
            assert (one.received_s, one.bytes_received) == (2.0, 64_000)
            assert one.frames_judged == one.frames_received > 0
            assert 0 < one.latency_p50_s <= one.latency_p95_s < 5
            assert one.bytes_sent > 100
            now = made[0].snapshot()
            assert now.streams == ()
            assert now.streams_closed == {1000: 1}
            assert (now.audio_s["streams"], now.frames_judged) == (2.0, one.frames_judged)
            assert now.latency["speech"].count == 2

    run(test)


def test_what_is_known_while_streams_are_open_is_at_most_a_second_old(made: list[Activity]) -> None:
    async def test() -> None:
        async with serving() as server, server.listen("stages=vad") as socket:
            await told(socket, "ready")
            for _ in range(15):
                await socket.send(pcm(tone(0.1)))
                await asyncio.sleep(0.1)  # as fast as it is said: the pace is what is tested
            await until(lambda: made[0].snapshot().streams[0].pace > 0)
            now = made[0].snapshot()
            assert 0.5 < now.streams[0].pace < 1.5
            assert now.frames_received == now.streams[0].frames_received > 0
            assert now.sessions == now.most_sessions == 1

    run(test)


def test_metrics_have_the_figures_of_streams_and_requests() -> None:
    async def test() -> None:
        async with serving() as server:
            async with server.listen("language=en") as socket:
                await socket.send(pcm(talk(1.0)))
                await socket.send('{"type": "stop"}')
                await told(socket, "done")
            async with server.http() as client:
                await client.get("/nothing")
            while (now := await figures(server))["sessions"]:
                pass
            assert now["sessions_most"] == 1
            assert now['streams_closed_total{code="1000"}'] == 1
            assert now['audio_seconds_total{of="streams"}'] == 2.0
            assert now["stream_bytes_received_total"] == 64_000
            assert now['event_latency_seconds_count{of="text"}'] >= 1
            assert now['request_seconds_count{path="other",status="404"}'] == 1
            assert now["ready"] == 1

    run(test)


def test_the_lag_of_the_loop_is_seen(made: list[Activity]) -> None:
    async def test() -> None:
        async with serving() as server:
            time.sleep(0.3)  # noqa: ASYNC251 - what holds up the loop
            await until(lambda: made[0].snapshot().lag.p99 > 0.1)
            now = await figures(server)
            assert now['loop_lag_seconds_bucket{le="0.1"}'] < now['loop_lag_seconds_bucket{le="0.5"}']
            assert now["loop_lag_p99_seconds"] > 0.1

    run(test)


def test_errors_are_told_and_kept(made: list[Activity]) -> None:
    async def test() -> None:
        async with serving() as server:
            happened: list[Happening] = []
            unwatch = made[0].watch(happened.append)
            async with server.listen("stages=vad") as socket:
                await told(socket, "ready")
                await socket.send('{"type": "dance"}')
                await told(socket, "error")
            failure = next(one for one in happened if isinstance(one, Failure))
            assert "dance" in failure.message
            assert made[0].snapshot().last_errors == (failure,)
            unwatch()

    run(test)


def test_a_stream_that_does_not_end_in_time_does_not_hold_the_end_up(made: list[Activity]) -> None:
    async def test() -> None:
        async with serving(limits=Limits(shutdown_s=1)) as server:
            with stopwatch() as passed, made[0].stream("nobody", lambda: None):
                began = time.monotonic()
                await made[0].drain(0.2)
                assert time.monotonic() - began >= 0.2
                assert passed() < 5
            async with server.listen("stages=vad") as socket:  # one that comes later is ended at once
                await told(socket, "done")
                await socket.wait_closed()
            assert socket.close_code == 1001

    run(test)


def test_streams_that_are_cut_off_count_as_told_so(made: list[Activity], monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(Parrot, "held", gate)
    happened: list[Closed] = []

    def ended(happening: Happening) -> None:
        if isinstance(happening, Closed):
            happened.append(happening)
            gate.set()

    async def test() -> None:
        async with serving(limits=Limits(shutdown_s=0, pace=1)) as server:
            made[0].watch(ended)
            working = await server.listen("language=en")  # has its end to tell, and waits for an engine
            await working.send(pcm(talk(1.0)[:12_000]))
            await working.send('{"type": "flush"}')
            await until(lambda: Parrot.running > 0)
            sending = await server.listen("stages=vad")  # has sent more than is read of it
            await told(sending, "ready")
            await sending.send(pcm(tone(30.0)))
            await until(lambda: made[0].snapshot().bytes_received > 900_000)
        for socket in (working, sending):
            await socket.wait_closed()
            assert socket.close_code == 1012
        assert [one.code for one in happened] == [1012, 1012]
        assert made[0].snapshot().streams_closed == {1012: 2}

    run(test)


def test_every_stream_hears_the_rest_when_the_server_stops() -> None:
    async def test() -> None:
        async with serving() as server:
            sockets = [await server.listen("stages=vad") for _ in range(20)]
            for socket in sockets:
                await told(socket, "ready")
                await socket.send(pcm(silence(0.5)))
        for socket in sockets:
            assert (await told(socket, "done"))[-1]["duration"] == 0.5
            await socket.wait_closed()
            assert socket.close_code == 1001

    run(test)
