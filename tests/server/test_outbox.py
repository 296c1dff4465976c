"""What waits for a slow reader."""

from __future__ import annotations

import json

import pytest

from tests.fakes import run
from workbench.events import Done, Transcript
from workbench.server.outbox import Full, Outbox
from workbench.types import Transcript as Text


def text(segment: int, words: str, *, final: bool = False) -> Transcript:
    return Transcript(
        transcript=Text(segment_id=segment, text=words, language="en", start=0.0, end=1.0, is_final=final)
    )


async def rest(outbox: Outbox) -> list[str]:
    """What comes until the end: text, or the type of what has none."""
    outbox.close()
    found = []
    while (message := await outbox.get()) is not None:
        event = json.loads(message[0])
        found.append(event["transcript"]["text"] if event["type"] == "transcript" else event["type"])
    return found


def test_interim_text_gives_way_to_newer_text_of_its_segment_and_nothing_else_does() -> None:
    async def test() -> None:
        outbox = Outbox(10)
        for event in (
            text(0, "he"),
            text(1, "good"),
            text(0, "hello"),
            text(0, "Hello.", final=True),
            text(1, "goodbye"),
            text(0, "Hello again.", final=True),
            Done(duration=1.0),
        ):
            outbox.put(event)
        assert outbox.coalesced == 3
        assert await rest(outbox) == ["Hello.", "goodbye", "Hello again.", "done"]

    run(test)


def test_interim_text_without_end_fills_no_outbox_and_final_text_does() -> None:
    async def test() -> None:
        outbox = Outbox(3)
        for number in range(100):
            outbox.put(text(0, str(number)))
        for number in range(3):
            outbox.put(text(number, f"{number}.", final=True))
        with pytest.raises(Full):
            outbox.put(text(3, "3.", final=True))
        assert await rest(outbox) == ["0.", "1.", "2."]

    run(test)
