"""File jobs over HTTP: filed, watched, stopped, and there again when the server comes back."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fakes import run, until
from tests.jobs.jobs import FILE, IDENTITY
from tests.server.hostile import assert_quiet
from tests.server.serving import Parrot, Server, serving
from tests.server.test_http import HEAD, files_in, held, stored, wav
from workbench import paths
from workbench.jobs import checkpoint, identity
from workbench.jobs.checkpoint import State
from workbench.jobs.entry import unfinished
from workbench.jobs.queue import Queue
from workbench.jobs.store import JobStore
from workbench.server import job_queue
from workbench.server.access import LOOPBACK_NAMES, Access
from workbench.server.limits import Limits

__all__ = ["held"]
PATH = "/v1/jobs"
GONE = ("..", "%2e%2e", "..%2f..%2fserver-token", ".lock", "checkpoint.json", "x", "*", "%00", "~", "\u202e")


async def file(client: httpx2.AsyncClient, name: str = "talk.wav", data: bytes | None = None, **fields: Any) -> Any:
    return await client.post(PATH, files={"file": (name, wav(1.0, 1.0) if data is None else data)}, data=fields)


async def filed(client: httpx2.AsyncClient, **fields: Any) -> str:
    """The path of a new job."""
    answer = await file(client, **fields)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


async def became(client: httpx2.AsyncClient, job: str, state: str) -> dict[str, Any]:
    while (told := (await client.get(job)).json())["state"] != state:
        assert told["state"] not in ("finished", "failed", "cancelled"), told
    return dict(told)


@pytest.fixture
def yielding(held: threading.Event, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """`held`, which is let go of as soon as a job was told to stop: a recognizer cannot be interrupted."""

    def wrapped(call: Callable[[Queue, int], None]) -> Callable[[Queue, int], None]:
        def told(self: Queue, number: int) -> None:
            call(self, number)
            held.set()

        return told

    for name in ("pause", "cancel"):
        monkeypatch.setattr(Queue, name, wrapped(getattr(Queue, name)))
    return held


def audio() -> list[Path]:
    """Of clients, that is kept now."""
    return list(job_queue.store().root.glob("*/audio.*"))


def test_a_recording_is_filed_and_its_subtitles_are_fetched_when_they_are_there() -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            answer = await file(client, formats="srt,vtt,txt,json,ass,ttml")
            made = answer.json()
            assert (answer.status_code, answer.headers["location"]) == (202, f"{PATH}/{made['id']}")
            assert made["links"] == {"self": f"{PATH}/{made['id']}", "result": f"{PATH}/{made['id']}/result"}
            assert made["duration"] == 4.0
            done = await became(client, made["links"]["self"], "finished")
            assert (done["progress"], done["seconds_left"], done["error"]) == (1.0, None, None)
            found = {}
            for format in ("srt", "vtt", "txt", "json", "ass", "ttml"):
                result = await client.get(made["links"]["result"], params={"format": format})
                assert result.status_code == 200
                found[format] = result
            assert found["srt"].text.startswith("1\n00:00:00,")
            assert found["vtt"].headers["content-type"].startswith("text/vtt")
            assert [cue["text"] for cue in found["json"].json()["cues"]] == ["Hello there.", "Hello there."]
            assert (await client.get(PATH)).json()["data"] == [done]
            assert stored() == []
            await until(lambda: audio() == [])
            metrics = (await client.get("/metrics")).text
            assert 'workbench_jobs{state="running"} 0.0' in metrics
            assert 'workbench_audio_seconds_total{of="files"} 4.0' in metrics

    run(test)


def test_what_is_translated_shows_the_translation_unless_both_are_asked_for() -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            texts = {}
            for show in ("", "source", "both"):
                job = await filed(client, language="en", translate="xx", show=show, formats="txt")
                await became(client, job, "finished")
                texts[show] = (await client.get(f"{job}/result?format=txt")).text
            assert texts[""].split() == [".ereht", "olleH"] * 2
            assert texts["source"].split() == ["Hello", "there."] * 2
            assert set(texts["both"].split()) == {".ereht", "olleH", "Hello", "there."}

    run(test)


@pytest.mark.parametrize(
    ("name", "data", "fields", "param"),
    [
        ("talk.wav", None, {"language": "../../etc"}, "language"),
        ("talk.wav", None, {"translate": "x"}, "translate"),
        ("talk.wav", None, {"show": "both"}, "show"),
        ("talk.wav", None, {"show": "nothing"}, "show"),
        ("talk.wav", None, {"model": "large"}, "model"),
        ("talk.wav", None, {"formats": "docx"}, None),
        ("talk.wav", None, {"language": "en", "translate": "de"}, None),
        ("talk.wav", b"no audio at all" * 100, {}, None),
        ("talk.wav", b"", {}, None),
        ("../../outside.m3u", b"#EXTM3U\nfile:///etc/hostname\n", {}, None),
    ],
    ids=["language", "translate", "both", "show", "model", "formats", "pair", "text", "empty", "playlist"],
)
def test_what_cannot_be_done_is_refused_at_once(
    name: str, data: bytes | None, fields: dict[str, str], param: str | None
) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            answer = await file(client, name, data, **fields)
            assert 400 <= answer.status_code < 500
            assert answer.json()["error"]["param"] == param
            assert str(paths.data_dir()) not in answer.text
            assert (await client.get(PATH)).json()["data"] == []
            assert not stored()
            assert not audio()

    run(test)


def test_a_job_tells_how_far_it_is_and_has_no_result_before_its_end(held: threading.Event) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            job = await filed(client)
            early = await client.get(f"{job}/result")
            assert (early.status_code, early.json()["error"]["code"]) == (409, "job-state")
            await until(lambda: Parrot.running > 0)
            told = (await client.get(job)).json()
            assert told["state"] == "running"
            assert 0.0 <= told["progress"] < 1.0
            assert told["seconds_left"] is None or told["seconds_left"] >= 0
            assert 'workbench_jobs{state="running"} 1.0' in (await client.get("/metrics")).text
            held.set()
            await became(client, job, "finished")
            assert (await client.get(f"{job}/result?format=ass")).status_code == 404  # it was not asked for

    run(test)


def test_a_job_is_paused_and_resumed_and_cancelled_where_its_state_allows_that(yielding: threading.Event) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            job = await filed(client)
            await until(lambda: Parrot.running > 0)
            for action in ("resume", "retry"):
                refused = await client.post(f"{job}/{action}")
                assert (refused.status_code, refused.json()["error"]["message"]) == (409, "the job is running")
            assert (await client.post(f"{job}/pause")).json()["state"] == "paused"
            assert Parrot.running == 0
            yielding.clear()
            assert (await client.post(f"{job}/resume")).json()["state"] in ("queued", "running")
            await until(lambda: Parrot.running > 0)
            assert (await client.post(f"{job}/cancel")).json()["state"] == "cancelled"
            await until(lambda: audio() == [])
            for action in ("pause", "resume", "cancel", "retry"):
                assert (await client.post(f"{job}/{action}")).status_code == 409
            assert (await client.get(f"{job}/result")).status_code == 409
            assert (await client.post(f"{job}/dance")).status_code == 400

    run(test)


def test_a_job_is_deleted_while_it_runs_and_nothing_of_it_stays(
    yielding: threading.Event, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            job = await filed(client)
            await until(lambda: Parrot.running > 0)
            answers = await asyncio.gather(*(client.delete(job) for _ in range(3)))
            assert {answer.status_code for answer in answers} <= {204, 404}
            assert (await client.get(job)).status_code == (await client.delete(job)).status_code == 404
            assert not [path for path in files_in(tmp_path / "data") if "_" in path.parent.name]

    run(test)
    assert_quiet(caplog)
    assert "could not be stored" not in caplog.text


def test_a_job_goes_on_when_the_server_comes_back(held: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = Queue.__aexit__

    async def leaving(self: Queue, *details: Any) -> None:
        asyncio.get_running_loop().call_soon(held.set)  # when what runs was told to stop
        await leave(self, *details)

    async def first() -> tuple[str, str, str]:
        async with serving() as server, server.http() as client:
            running = await filed(client)
            await until(lambda: Parrot.running > 0)
            paused, cancelled = [await filed(client) for _ in range(2)]
            await client.post(f"{paused}/pause")
            await client.post(f"{cancelled}/cancel")
            return running, paused, cancelled

    async def second(running: str, paused: str, cancelled: str) -> None:
        async with serving() as server, server.http() as client:
            assert (await client.get(running)).json()["state"] in ("queued", "running")
            assert (await client.get(paused)).json()["state"] == "paused"
            assert (await client.get(cancelled)).json()["state"] == "cancelled"
            held.set()
            await became(client, running, "finished")
            await client.post(f"{paused}/resume")
            await became(client, paused, "finished")

    async def third(running: str) -> None:
        async with serving() as server, server.http() as client:
            assert (await client.get(running)).json()["progress"] == 1.0
            assert (await client.get(f"{running}/result?format=txt")).text.startswith("Hello there.")

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "__aexit__", leaving)
        jobs = run(first)
    held.clear()
    run(lambda: second(*jobs))
    run(lambda: third(jobs[0]))


def test_a_job_that_failed_says_why_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, item: Any, state: Any) -> Any:
        raise ValueError("no voice today")

    async def test() -> None:
        async with serving() as server, server.http() as client:
            with monkeypatch.context() as patch:
                patch.setattr(Parrot, "process", fail)
                job = await filed(client)
                told = await became(client, job, "failed")
            assert "no voice today" in told["error"]["message"]
            assert told["error"]["hint"] == f"To go on from where it is: POST {job}/retry"
            assert str(paths.data_dir()) not in json.dumps(told)
            assert len(audio()) == 1
            assert (await client.get(f"{job}/result")).status_code == 409
            assert (await client.post(f"{job}/retry")).status_code == 200
            await became(client, job, "finished")

    run(test)


@pytest.mark.parametrize("name", GONE)
def test_only_the_name_of_a_job_of_the_server_is_one(name: str, tmp_path: Path) -> None:
    async def test() -> None:
        JobStore().root.mkdir(parents=True)
        (JobStore().root / "mine").mkdir()
        async with serving() as server, server.http() as client:
            before = files_in(tmp_path)
            for what in (name, "mine", "../jobs/mine", "..%2fjobs%2fmine"):
                for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("POST", "/cancel")):
                    answer = await client.request(method, f"{PATH}/{what}{path}")
                    assert answer.status_code in (404, 405), (method, what)
                    assert "error" in answer.json()
            assert files_in(tmp_path) == before
            assert (JobStore().root / "mine").is_dir()

    run(test)


def test_a_format_is_no_path(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            job = await filed(client)
            await became(client, job, "finished")
            for format in ("../checkpoint.json", "json/../../x", "", "..", "\0", "*"):
                answer = await client.get(f"{job}/result", params={"format": format})
                assert (answer.status_code, answer.json()["error"]["param"]) == (404, "format")

    run(test)


def test_no_more_jobs_and_bytes_are_kept_than_allowed(yielding: threading.Event) -> None:
    async def test() -> None:
        size = len(wav(1.0, 1.0))
        async with serving(limits=Limits(jobs=2, jobs_bytes=5 * size)) as server, server.http() as client:
            first = await filed(client)
            large = await file(client, data=wav(*[1.0] * 10))
            assert (large.status_code, large.json()["error"]["message"][:25]) == (429, "jobs would take more than")
            second = await filed(client)
            many = await file(client)
            assert (many.status_code, many.json()["error"]["message"]) == (429, "there are 2 jobs already")
            assert many.json()["error"]["hint"] == "Delete those that are not needed: DELETE /v1/jobs/ID"
            assert len(audio()) == 2
            assert stored() == []
            assert (await client.delete(second)).status_code == 204
            await filed(client)
            await became(client, first, "finished")

    run(test)


@pytest.mark.parametrize(
    ("limits", "size", "said"),
    [
        (Limits(jobs=1), 1000, b"there are 1 jobs already"),
        (Limits(jobs_bytes=500_000), 450_000, b"jobs would take more"),
    ],
    ids=["number", "bytes"],
)
def test_where_there_is_no_room_nothing_is_uploaded(
    limits: Limits, size: int, said: bytes, held: threading.Event
) -> None:
    async def test() -> None:
        async with serving(limits=limits) as server, server.http() as client:
            await filed(client)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = HEAD.replace(b"/v1/audio/transcriptions", PATH.encode())
            writer.write(head + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % size)
            status = await reader.readline()  # nothing of the body was sent, or asked for
            held.set()
            assert b" 429 " in status
            assert said in await reader.readuntil(b"}}")
            writer.close()

    run(test)


def test_a_recording_is_read_once_for_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []

    async def content_hash(path: Path) -> tuple[int, str]:
        hashed.append(path)
        return await checkpoint.content_hash(path)

    async def test() -> None:
        async with serving() as server, server.http() as client:
            await became(client, await filed(client), "finished")

    monkeypatch.setattr(identity, "content_hash", content_hash)
    run(test)
    assert len(hashed) == 1


def test_a_job_is_filed_without_a_look_into_others(held: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            for _ in range(10):
                await filed(client)
            await until(lambda: Parrot.running > 0)
            looked: set[str] = set()
            inform = JobStore._info

            def noted(self: JobStore, folder: Path) -> Any:
                looked.add(folder.name)
                return inform(self, folder)

            monkeypatch.setattr(JobStore, "_info", noted)
            job = await filed(client)
            filing = set(looked)
            held.set()
            await became(client, job, "finished")
            assert filing == {job.removeprefix(f"{PATH}/")}

    run(test)


def test_a_job_that_waits_is_no_other_servers(held: threading.Event) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            for _ in range(6):
                await filed(client)
            left = list(unfinished(job_queue.store()))
            held.set()
            assert left == []

    run(test)


@pytest.mark.parametrize(("action", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_what_is_asked_of_a_job_that_waits_is_answered_when_it_is_on_disk(
    action: str, state: str, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, disk = JobStore.change, threading.Event()

    def slowly(self: JobStore, name: str, **changes: Any) -> None:
        assert disk.wait(60)
        change(self, name, **changes)

    async def test() -> None:
        async with serving() as server, server.http() as client:
            jobs = [await filed(client) for _ in range(6)]
            monkeypatch.setattr(JobStore, "change", slowly)
            asking = asyncio.create_task(client.post(f"{jobs[-1]}/{action}"))
            await became(client, jobs[-1], state)
            for _ in range(3):
                await client.get(jobs[-1])
            is_answered = asking.done()
            disk.set()
            answer = await asking
            stored = job_queue.store().info(jobs[-1].removeprefix(f"{PATH}/"))
            held.set()
            assert not is_answered
            assert answer.json()["state"] == stored.state == state

    run(test)


def test_a_server_that_stops_while_a_job_is_made_says_so_and_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    create, making, go_on = JobStore.create, threading.Event(), threading.Event()

    def slowly(self: JobStore, *what: Any) -> Any:
        making.set()
        assert go_on.wait(60)
        return create(self, *what)

    async def ask(server: Server) -> Any:
        async with server.http() as client:
            return await file(client)

    async def go_on_when_cancelled() -> None:
        await until(lambda: any(task.cancelling() for task in asyncio.all_tasks() if "run_asgi" in repr(task)))
        go_on.set()

    async def test() -> None:
        async with asyncio.TaskGroup() as tasks:
            async with serving(limits=Limits(shutdown_s=1)) as server:
                asking = tasks.create_task(ask(server))
                await until(making.is_set)
                tasks.create_task(go_on_when_cancelled())
            answer = await asking
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping")
        assert job_queue.store().jobs() == []

    monkeypatch.setattr(JobStore, "create", slowly)
    run(test)


def test_audio_that_a_killed_server_left_goes() -> None:
    async def test() -> None:
        with job_queue.store().create(IDENTITY, FILE) as job:
            (job.folder / "audio.wav").write_bytes(wav(1.0))
            job.save(replace(job.checkpoint, state=State.FINISHED))
        async with serving():
            await until(lambda: audio() == [])
            assert job_queue.store().names() == [job.name]

    run(test)


def test_what_is_over_goes_after_its_time_and_what_is_at_work_does_not(held: threading.Event) -> None:
    async def test() -> None:
        held.set()
        async with serving(limits=Limits(jobs_keep_s=0.001)) as server, server.http() as client:
            over = await filed(client)
            await until(lambda: not job_queue.store().jobs())
            assert (await client.get(over)).status_code == 404
            held.clear()
            works = await filed(client)
            await until(lambda: Parrot.running > 0)
            await filed(client)  # it looks for what can go
            assert (await client.get(works)).json()["state"] == "running"
            held.set()
            await until(lambda: not job_queue.store().jobs())

    run(test)


def test_an_upload_for_a_job_has_the_limits_of_every_upload() -> None:
    async def test() -> None:
        head = HEAD.replace(b"/v1/audio/transcriptions", PATH.encode())
        async with serving(limits=Limits(upload_bytes=500_000, audio_s=3.0)) as server, server.http() as client:
            assert b" 413 " in await server.raw(head + b"content-length: 5000000000\r\nconnection: close\r\n\r\n")
            long = await file(client, data=wav(0.2, 0.2, 0.2))
            assert long.status_code == 400
            assert "is longer than" in long.json()["error"]["message"]
            assert not stored()
            assert not audio()

    run(test)


def test_jobs_are_for_those_with_the_token_only() -> None:
    async def test() -> None:
        access = Access(hosts=LOOPBACK_NAMES, token="a-token-that-nobody-guesses")
        async with serving(allowed=access) as server:
            async with server.http() as client:
                assert (await file(client)).status_code == (await client.get(PATH)).status_code == 401
            async with server.http(headers=server.authorization) as client:
                job = await filed(client)
                away = {"origin": "https://evil.example"}
                assert (await client.post(f"{job}/cancel", headers=away)).status_code == 403
                assert (await client.delete(job, headers={"host": "evil.example"})).status_code == 421
                await became(client, job, "finished")

    run(test)


def test_jobs_of_the_command_line_are_not_those_of_the_server() -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            await filed(client)
            assert JobStore().jobs() == []

    run(test)


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/healthz", "/readyz"])
def test_a_page_and_the_health_are_asked_for_without_a_body_too(path: str) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            whole, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            for name in ("content-type", "content-length"):
                assert head.headers[name] == whole.headers[name]

    run(test)
