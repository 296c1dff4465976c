"""What is answered over HTTP, by a server that runs with quick engines."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.fakes import run, until
from tests.server.hostile import assert_quiet
from tests.server.serving import Parrot, Server, pcm, serving, talk
from workbench import paths
from workbench.audio.wav import header
from workbench.server.limits import Limits

HEAD = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\n"


def wav(*lengths: float) -> bytes:
    samples = talk(*lengths)
    return header(len(samples), 16_000) + pcm(samples)


def stored() -> list[str]:
    """Files of uploads that are there now."""
    return [name for _, _, names in os.walk(paths.data_dir() / "uploads") for name in names]


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The recognizer waits until it is set."""
    gate = threading.Event()
    monkeypatch.setattr(Parrot, "held", gate)
    monkeypatch.setattr(Parrot, "running", 0)
    return gate


async def transcribed(server: Server, file: Any = None, **fields: Any) -> Any:
    async with server.http() as client:
        return await client.post(
            "/v1/audio/transcriptions", files={"file": file or ("talk.wav", wav(1.0, 1.0))}, data=fields
        )


def test_a_server_says_what_it_is_and_has() -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            assert (await client.get("/readyz")).json() == {"status": "ready"}
            models = (await client.get("/v1/models")).json()["data"]
            assert [model["id"] for model in models] == ["loudness", "small-parrot", "hum"]
            assert (await client.get("/v1/models/hum")).json()["kind"] == "tts"
            assert (await client.get("/v1/models/x")).json()["error"]["code"] == "model_not_found"
            assert (await client.get("/api/hardware/basic")).json()["cpu_threads"] >= 1
            plan = (await client.get("/api/hardware/optimize")).json()
            assert plan["reasons"]["batch_size"]
            metrics = (await client.get("/metrics")).text
            assert 'workbench_pool_instances{engine="parrot",kind="asr",pool="1"} 1.0' in metrics
            assert (await client.get("/nothing")).json()["error"]["code"] == "not-found"
            assert set((await client.get("/openapi.json")).json()["paths"]) >= {"/v1/audio/speech", "/readyz"}

    run(test)


def test_it_is_not_ready_while_no_engine_works_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving(ready=False) as server, server.http() as client:
            await until(lambda: bool(server.said))
            answer = await client.get("/readyz")
            assert answer.status_code == 503
            assert answer.json() == {"status": "not ready", "reason": "the parrot is ill\nCall for help."}
            assert server.said == ["the parrot is ill\nCall for help."]
            failed = await transcribed(server)
            assert failed.status_code == 500
            assert "the parrot is ill" in failed.json()["error"]["message"]
            monkeypatch.setattr(Parrot, "fails", False)
            await server.ready()

    monkeypatch.setattr(Parrot, "fails", True)
    run(test)


@pytest.mark.parametrize(
    ("format", "expected"),
    [("text", "Hello there. Hello there.\n"), ("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n"), ("json", '{"text":"Hello')],
)
def test_a_recording_comes_back_in_the_format_asked_for(format: str, expected: str) -> None:
    async def test() -> None:
        async with serving() as server:
            answer = await transcribed(server, response_format=format, model="whisper-1")
            assert answer.status_code == 200
            assert answer.text.startswith(expected)
            assert stored() == []

    run(test)


def test_all_that_is_known_comes_when_asked_for() -> None:
    async def test() -> None:
        async with serving() as server:
            both = {"timestamp_granularities[]": ["word", "segment"]}
            found = (await transcribed(server, response_format="verbose_json", **both)).json()
            assert found["language"] == "en"
            assert found["duration"] == 4.0
            assert [s["text"] for s in found["segments"]] == ["Hello there.", "Hello there."]
            assert [w["word"] for w in found["words"]] == ["Hello", "there.", "Hello", "there."]
            assert 0.8 < found["segments"][0]["end"] <= found["segments"][1]["start"] < 3.2
            only = (await transcribed(server, response_format="verbose_json")).json()
            assert "words" not in only

    run(test)


def test_text_is_streamed_as_it_is_there() -> None:
    async def test() -> None:
        async with serving() as server:
            answer = await transcribed(server, stream="true")
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
            assert lines.pop() == "[DONE]"
            told = [json.loads(line) for line in lines]
            assert "".join(one["delta"] for one in told[:-1]) == told[-1]["text"] == "Hello there. Hello there."
            assert told[-1]["type"] == "transcript.text.done"
            await until(lambda: stored() == [])  # after the last word has left

    run(test)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "large"}, "model"),
        ({"response_format": "docx"}, "response_format"),
        ({"temperature": "7"}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"language": "../../etc"}, "language"),
        ({"stream": "perhaps"}, "stream"),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities.0"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, str], param: str) -> None:
    async def test() -> None:
        async with serving() as server:
            answer = await transcribed(server, **fields)
            assert 400 <= answer.status_code < 500
            assert answer.json()["error"]["param"] == param
            assert stored() == []

    run(test)


def test_fields_that_nobody_knows_are_ignored() -> None:
    async def test() -> None:
        async with serving() as server:
            assert (await transcribed(server, chunking_strategy="auto", nonsense="1")).status_code == 200

    run(test)


@pytest.mark.parametrize(
    "names",
    [
        ["../../outside.wav", "/etc/passwd", "a\0b.wav", "x" * 300, "-rf", "CON", "\u202etxt.wav", "..\\x.wav", ""],
        [".", "..", "...", "/", "//host/x.wav", "C:\\x.wav", "C:x.wav", "file:///x.wav", "~/x.wav", "a/./../../x.wav"],
        ["%2e%2e%2fx.wav", "..%c0%afx.wav", "x.wav/", "x.wav\\..", "$(touch x)", "`x`.wav", "x;.wav", "a\tb.wav", "*"],
        ["x." + "w" * 300, "x.w/v", "x.w\0v", "x..wav", ".wav", "x.\u00e9", "NUL.wav", "\ufeffx.wav", "x\u2215y.wav"],
    ],
)
def test_the_clients_name_of_a_file_is_no_path_here(names: list[str], tmp_path: Path) -> None:
    async def test() -> None:
        async with serving() as server:
            before = files_in(tmp_path)
            for name in names:
                answer = await transcribed(server, (name, wav(0.5)))
                assert answer.status_code in (200, 400), name
                assert files_in(tmp_path) == before, name

    run(test)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"no audio at all" * 100, "is not audio or video"),
        (b"#EXTM3U\nfile:///etc/hostname\n", "is a playlist"),
    ],
    ids=["empty", "text", "playlist"],
)
def test_what_is_no_audio_is_refused_under_the_clients_name(data: bytes, said: str) -> None:
    async def test() -> None:
        async with serving() as server:
            answer = await transcribed(server, ("talk.wav", data))
            assert answer.status_code == 400
            message = answer.json()["error"]["message"]
            assert message.startswith("'talk.wav'")
            assert said in message
            assert str(paths.data_dir()) not in answer.text

    run(test)


def test_a_recording_longer_than_allowed_is_refused() -> None:
    async def test() -> None:
        async with serving(limits=Limits(audio_s=3.0)) as server:
            answer = await transcribed(server)
            assert answer.status_code == 400
            assert "is longer than" in answer.json()["error"]["message"]

    run(test)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n\r\n",
        b"--x\r\ncontent-disposition: form-data\r\n\r\nv\r\n--x--\r\n",
        b"\0" * 2000,
        b"--x--\r\n",
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + wav(1.0),
    ],
    ids=["empty", "start", "no-headers", "no-name", "zeros", "end", "half"],
)
def test_a_form_that_is_none_is_refused(body: bytes) -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            kinds = [
                "multipart/form-data; boundary=x",
                "multipart/form-data",
                "text/plain",
                "multipart/form-data; boundary=",
            ]
            for kind in kinds:
                answer = await client.post("/v1/audio/transcriptions", content=body, headers={"content-type": kind})
                assert 400 <= answer.status_code < 500
                assert answer.json()["error"]["message"]
            assert (await client.post("/v1/audio/transcriptions", content=body)).status_code == 415
            assert stored() == []

    run(test)


def test_an_upload_that_is_too_large_is_refused_before_the_rest_is_read() -> None:
    async def test() -> None:
        async with serving(limits=Limits(upload_bytes=100_000)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HEAD + b"content-length: 5000000000\r\n\r\n")
            assert b" 413 " in await reader.readline()  # nothing of the body was sent
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
            part = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + bytes(60_000)
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await until(lambda: len(stored()) == 1)
            writer.write(b"%x\r\n%s\r\n" % (60_000, bytes(60_000)))
            assert b" 413 " in await reader.readline()
            writer.close()
            await until(lambda: stored() == [])

    run(test)


def test_a_client_that_goes_in_the_middle_of_its_upload_leaves_nothing() -> None:
    async def test() -> None:
        async with serving() as server:
            part = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + bytes(60_000)
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HEAD + b"content-length: 1000000\r\n\r\n" + part)
            await until(lambda: len(stored()) == 1)
            writer.transport.abort()
            await until(lambda: stored() == [])

    run(test)


def test_an_upload_that_stops_is_given_up() -> None:
    async def test() -> None:
        async with serving(limits=Limits(idle_s=0.05)) as server:
            assert b" 408 " in await server.raw(HEAD + b"content-length: 100\r\n\r\n--x")

    run(test)


@pytest.mark.parametrize("stream", ["false", "true"])
def test_work_ends_when_its_client_goes(held: threading.Event, stream: str, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving() as server:
            asking = asyncio.create_task(transcribed(server, stream=stream))
            await until(lambda: Parrot.running > 0)
            asking.cancel()
            await asyncio.wait([asking])
            held.set()
            await until(lambda: stored() == [] and Parrot.running == 0)
            async with server.http() as client:
                while "workbench_sessions 0.0" not in (metrics := (await client.get("/metrics")).text):
                    pass
            assert "workbench_errors_total 0.0" in metrics
            assert 'status="499"' in metrics

    run(test)
    assert_quiet(caplog)


def test_who_still_waits_when_the_server_stops_is_told_so(
    held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async def let_go() -> None:
            await until(lambda: "timeout graceful shutdown exceeded" in caplog.text)
            held.set()

        async with serving(limits=Limits(shutdown_s=0)) as server:
            stream = await server.listen("language=en")
            await stream.send(pcm(talk(1.0)))
            await until(lambda: Parrot.running > 0)
            asking = asyncio.create_task(transcribed(server))
            async with server.http() as client:
                while "workbench_sessions 2.0" not in (await client.get("/metrics")).text:
                    pass
            letting_go = asyncio.create_task(let_go())
        await letting_go
        answer = await asking
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping")
        await stream.wait_closed()
        assert stream.close_code == 1012

    run(test)
    assert not [record for record in caplog.records if record.exc_info]


# speech


def test_speech_for_a_client_that_does_not_read_is_not_made_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving(limits=Limits(unread_s=0.1)) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            body = json.dumps({"input": "a " * 2000, "response_format": "wav"}).encode()
            head = b"POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            writer.write(head + b"content-length: %d\r\n\r\n%s" % (len(body), body))
            async with server.http() as client:
                while 'path="/v1/audio/speech",status="200"' not in (await client.get("/metrics")).text:
                    pass
            writer.close()

    run(test)
    assert_quiet(caplog)


async def spoken(server: Server, **fields: Any) -> Any:
    async with server.http() as client:
        return await client.post(
            "/v1/audio/speech", json={"model": "tts-1", "input": "One two three", "voice": "alloy"} | fields
        )


@pytest.mark.parametrize("format", ["mp3", "opus", "aac", "flac", "wav"])
def test_speech_comes_in_the_format_asked_for(format: str) -> None:
    async def test() -> bytes:
        async with serving() as server:
            answer = await spoken(server, response_format=format)
            assert answer.status_code == 200
            return bytes(answer.content)

    with av.open(io.BytesIO(run(test)), "r") as container:
        seconds = sum([frame.samples / frame.sample_rate for frame in container.decode(audio=0)])
    assert seconds == pytest.approx(0.3, abs=0.1)


def test_pcm_is_24_khz_without_a_header() -> None:
    async def test() -> None:
        async with serving() as server:
            data = (await spoken(server, response_format="pcm", voice="otto")).content
            samples = np.frombuffer(data, "<i2")
            assert len(samples) == pytest.approx(0.3 * 24_000, abs=200)
            assert np.abs(samples).max() > 10_000

    run(test)


def test_speech_is_as_fast_as_asked_for() -> None:
    async def test() -> None:
        async with serving() as server:
            for speed in (0.5, 2.0):
                data = (await spoken(server, response_format="pcm", speed=speed)).content
                assert len(data) / 48_000 == pytest.approx(0.3 / speed, abs=0.05)

    run(test)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": "x" * 5000}, "input"),
        ({"input": 7}, "input"),
        ({"model": "large"}, "model"),
        ({"voice": "nobody"}, None),
        ({"response_format": "midi"}, "response_format"),
        ({"speed": 5}, "speed"),
        ({"speed": "nan"}, "speed"),
        ({"input": " \n"}, "input"),
        ({"language": "de"}, None),
    ],
)
def test_speech_that_cannot_be_is_refused(fields: dict[str, Any], param: str | None) -> None:
    async def test() -> None:
        async with serving() as server:
            answer = await spoken(server, **fields)
            assert 400 <= answer.status_code < 500
            assert answer.json()["error"]["param"] == param

    run(test)


def test_a_body_that_is_no_json_is_refused() -> None:
    async def test() -> None:
        async with serving() as server, server.http() as client:
            for body in (b"", b"{", b"[]", b"[" * 60_000, b'{"input": NaN}', b"\xff\xfe", b"1" * 5000):
                answer = await client.post(
                    "/v1/audio/speech", content=body, headers={"content-type": "application/json"}
                )
                assert 400 <= answer.status_code < 500, body[:10]
            assert (await client.post("/v1/audio/speech", content=b" " * 70_000)).status_code == 413

    run(test)
