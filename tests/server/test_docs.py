"""docs/server.md says what is true: its client runs, and its tables are those of the code."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import fields
from pathlib import Path

from tests.fakes import run
from tests.server.serving import pcm, serving, talk
from workbench.audio.wav import header
from workbench.server.limits import Limits

TEXT = (Path(__file__).parents[2] / "docs" / "server.md").read_text("utf-8")
CLIENT = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]


def test_the_client_captions_a_file(tmp_path: Path) -> None:
    samples = talk(1.0, 1.0)
    (tmp_path / "client.py").write_text(CLIENT)
    (tmp_path / "talk.wav").write_bytes(header(len(samples), 16_000) + pcm(samples))

    async def test() -> str:
        async with serving() as server:
            words = [
                sys.executable,
                str(tmp_path / "client.py"),
                f"ws://127.0.0.1:{server.port}",
                str(tmp_path / "talk.wav"),
            ]
            client = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
            out, _ = await client.communicate()
            assert client.returncode == 0
            return out.decode()

    assert run(test) == "   0.0  Hello there.\n   1.9  Hello there.\n"


def test_every_limit_is_told_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", TEXT.partition("## Limits")[2], re.MULTILINE))
    assert {name: float(value) for name, value in told.items()} == {
        field.name: float(getattr(Limits(), field.name)) for field in fields(Limits)
    }


def test_every_path_is_told() -> None:
    async def test() -> set[str]:
        async with serving() as server, server.http() as client:
            return set((await client.get("/openapi.json")).json()["paths"])

    for path in run(test):
        assert re.sub(r"\{(\w+)\}", lambda name: "ACTION" if name[1] == "action" else "ID", path) in TEXT


def test_every_metric_is_told() -> None:
    async def test() -> str:
        async with serving() as server, server.http() as client:
            return (await client.get("/metrics")).text

    section = TEXT.partition("## Metrics")[2].partition("## Limits")[0]
    told = set(re.findall(r"`(\w+)(?:\{[\w,]+\})?`", section))
    kinds = dict(re.findall(r"^# TYPE workbench_(\w+) (\w+)$", run(test), re.MULTILINE))
    for name in kinds:
        assert name.removeprefix("pool_").removesuffix("_total" if name.startswith("pool_") else "") in told, name
