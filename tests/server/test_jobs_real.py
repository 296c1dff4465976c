"""A recording of real speech as a job, with real weights, and a server that stops before it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from tests.real_speech import clip, needs_engines
from tests.server.process import served

pytestmark = needs_engines
TOKEN = "a-token-for-this-test-only"
OPTIONS = ("--model", "tiny.en", "--profile", "auto")


def test_speech_that_was_filed_is_recognized_by_the_server_that_comes_next(tmp_path: Path) -> None:
    how: dict[str, Any] = {"headers": {"authorization": f"Bearer {TOKEN}"}, "timeout": 60}
    with served(tmp_path, TOKEN, *OPTIONS) as url, httpx2.Client(base_url=url, **how) as client:
        recording = ("jfk.flac", clip("read/jfk.flac").read_bytes())
        filed = client.post("/v1/jobs", files={"file": recording}, data={"language": "en", "formats": "txt,srt"})
        assert filed.status_code == 202
        job = filed.headers["location"]
    with served(tmp_path, TOKEN, *OPTIONS) as url, httpx2.Client(base_url=url, **how) as client:
        while (told := client.get(job).json())["state"] in ("queued", "running"):
            assert told["seconds_left"] is None or told["seconds_left"] >= 0
        assert told["state"] == "finished", told
        assert told["duration"] == 11.0
        text = client.get(f"{job}/result?format=txt").text.lower().replace("\n", " ")
        assert "ask not what your country can do for you" in text
        assert client.get(f"{job}/result?format=srt").text.startswith("1\n00:00:00,")
