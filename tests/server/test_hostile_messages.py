"""Messages that mean nothing, or harm: each is answered with an error or a close, and the server goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import run
from tests.server.hostile import CLOSE, TEXT, assert_quiet, connected, frame, nothing_left
from tests.server.serving import Server, pcm, serving, talk, told
from workbench.errors import UsageError
from workbench.server.limits import Limits
from workbench.server.messages import NotJson, parse

MESSAGES = 5_000
AT_ONCE = 10
LONGEST = 40
"""Messages of one stream, if it is not closed before."""
ENDLESS = Limits(wrong_messages=1000, messages_per_s=1e6, pace=1e6, waiting_events=2000)
TOLD_CODES = ("usage", "input", "unsupported-language")
DOCS = Path(__file__).parents[2] / "docs" / "server.md"
CLOSE_CODES = {int(code) for code in re.findall(r"^\| (1\d{3}) \|", DOCS.read_text("utf-8"), re.MULTILINE)}

NUMBERS = ["1e999", "-1e999", "1" * 400, "1" * 5000, "1e-400", "-0", "NaN", "Infinity", "0.1", "1.5e3", "01", "0x1"]
TEXTS = [
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"../../etc"',
    '"en"',
    '"' + "x" * 3000 + '"',
    '"\u202e"',
    '"\\x"',
]
ODD = [*NUMBERS, *TEXTS, "null", "true", "[]", "{}", "[[]]", '{"": {}}', '{"\\ud800": 1}', "tru", "", "'a'", "[1,]"]
FIELDS = ["language", "translate", "prompt", "hotwords", "vad", "type", "x", "\\ud800", ""]
OPTIONS = ["threshold", "min_silence_ms", "speech_pad_ms", "min_speech_ms", "max_speech_s", "__class__", "\\ud800"]


def message(rng: random.Random) -> tuple[int, bytes]:
    """An opcode and a payload."""
    kinds: list[Callable[[random.Random], bytes]] = [configure, command, nested, odd, noise, cut]
    if rng.random() < 0.25:
        return 2, sound(rng)
    return 1, rng.choice(kinds)(rng)


def sound(rng: random.Random) -> bytes:
    """Of any length, with values that are no audio among it."""
    if rng.random() < 0.5:
        return rng.randbytes(rng.choice([0, 1, 2, 3, 511, 1024, 5001]))
    return np.array([rng.choice([0.0, 0.5, 7.0, math.nan, -math.inf, 1e-45]) for _ in range(99)], "<f4").tobytes()


def configure(rng: random.Random) -> bytes:
    fields = {field: rng.choice(ODD) for field in rng.sample(FIELDS, 2)}
    if rng.random() < 0.5:
        options = ", ".join(f'"{rng.choice(OPTIONS)}": {rng.choice(ODD)}' for _ in range(2))
        fields["vad"] = f"{{{options}}}"
    given = ", ".join(f'"{name}": {value}' for name, value in fields.items())
    return f'{{"type": "configure", {given}}}'.encode()


def command(rng: random.Random) -> bytes:
    kind = rng.choice(["flush", "Flush", "stop ", "configure", "ready", "\\u0066lush", "\\ud800", ""])
    more = rng.choice(["", ', "now": 1', ', "type": "flush"', ","])
    return f'{{"type": "{kind}"{more}}}'.encode()


def nested(rng: random.Random) -> bytes:
    depth = rng.choice([10, 150, 300, 5_000])
    return b'{"type": "configure", "vad": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


def odd(rng: random.Random) -> bytes:
    return rng.choice(ODD).encode()


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(40))


def cut(rng: random.Random) -> bytes:
    whole = configure(rng)
    return whole[: rng.randrange(len(whole))] if rng.random() < 0.5 else whole.decode().encode("utf-16")


def closes(opcode: int, payload: bytes) -> bool:
    """Whether a message ends its stream."""
    try:
        if opcode == TEXT:
            parse(payload.decode())
    except (NotJson, UnicodeDecodeError):
        return True
    except UsageError:
        return False
    return False


async def provoke(server: Server, rng: random.Random) -> Counter[int]:
    """Send messages until the stream is closed; how many were sent, under the code that it was closed with."""
    query = f"encoding=pcm_{rng.choice(['s16le', 'f32le'])}&stages={rng.choice(['vad', 'vad,asr'])}"
    messages = [message(rng) for _ in range(LONGEST)]
    ends = [one for one in messages if closes(*one)][:1]  # what comes after it is not read
    messages = [one for one in messages if not closes(*one)] + ends
    async with connected(server, query) as raw:
        for opcode, payload in messages:
            raw.writer.write(frame(opcode, payload))
        raw.writer.write(frame(TEXT, b'{"type": "stop"}'))
        while (answer := await raw.frame()).opcode != CLOSE:
            told = json.loads(answer.payload)
            assert told["type"] != "error" or (told["code"] in TOLD_CODES and told["message"]), told
        return Counter({answer.code: len(messages)})


def test_thousands_of_messages_get_typed_errors_or_a_documented_close(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> Counter[int]:
        rng, sent = random.Random(20), Counter[int]()
        async with serving(limits=ENDLESS) as server, nothing_left(server):
            while sent.total() < MESSAGES:
                for one in await asyncio.gather(*(provoke(server, rng) for _ in range(AT_ONCE))):
                    sent += one
            async with server.listen("stages=vad") as socket:
                await socket.send(pcm(talk(1.0)))
                await socket.send('{"type": "stop"}')
                assert "speech_ended" in [one["type"] for one in await told(socket, "done")]
        return sent

    sent = run(test)
    assert set(sent) <= CLOSE_CODES - {1002, 1011, 1012, 1013}
    assert_quiet(caplog)


def test_options_may_come_at_any_moment() -> None:
    async def test() -> None:
        async with serving(limits=ENDLESS) as server, nothing_left(server):
            for stages in ("vad", "vad,asr"):
                rng = random.Random(21)
                async with server.listen(f"stages={stages}") as socket:
                    audio = pcm(talk(1.0, 0.5, 1.0))
                    for first in range(0, len(audio), 5001):
                        await socket.send(audio[first : first + 5001])
                        changed = {"speech_pad_ms": rng.randrange(100), "threshold": rng.choice([0.4, 0.5])}
                        await socket.send(json.dumps({"type": "configure", "vad": changed}))
                        if rng.random() < 0.2:
                            await socket.send('{"type": "flush"}')
                    await socket.send('{"type": "stop"}')
                    answers = await told(socket, "done")
                    assert answers[-1]["duration"] == pytest.approx(5.5, abs=0.01)
                    ids = [one["segment_id"] for one in answers if one["type"] == "speech_started"]
                    assert ids == list(range(len(ids)))
                    assert not [one for one in answers if one["type"] == "error"]

    run(test)


ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)
CONFIGURE = st.fixed_dictionaries(
    {"type": st.sampled_from(["configure", "flush", "stop", "Stop", ""]) | ANY_TEXT},
    optional={"vad": JSON, "language": JSON, "translate": JSON, "prompt": JSON, "x": JSON},
)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=200) | JSON.map(json.dumps) | CONFIGURE.map(json.dumps))
def test_a_text_is_a_message_or_an_error_that_can_be_told(text: str) -> None:
    with contextlib.suppress(NotJson):
        assert told_of(text).encode()


def told_of(text: str) -> str:
    """What the server would do, or what it would tell the client."""
    try:
        return parse(text).model_dump_json()
    except UsageError as error:
        return error.message
