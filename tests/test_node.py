"""One stage of a stream: what becomes of its items, and of those that fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import workbench
from tests import fakes
from workbench import events
from workbench.edge import Edge
from workbench.engines import Settings, StageKind
from workbench.errors import first_error
from workbench.node import Node
from workbench.pool import Pool


class Reader(workbench.Translator):
    """Does what a text says: fails, gives something else, or repeats it."""

    name = "reader"

    def __init__(self) -> None:
        """Takes no options."""

    def process(self, item: workbench.Transcript, state: Settings) -> Iterator[Any]:
        if item.text == "fails":
            raise ValueError("no such word")
        yield "no translation" if item.text == "is odd" else item.translated(item.text, state.language or "?")


def put_through(*texts: str, tolerance: int = 9) -> tuple[float | None, list[str], list[events.Event]]:
    """(from when on all items failed, texts of the values, events), of items at 1 s, 2 s, and so on."""
    taken: list[str] = []
    seen: list[events.Event] = []

    async def take(item: workbench.Transcript, value: workbench.Translation) -> None:
        taken.append(f"{value.text} {value.language}")

    async def test() -> float | None:
        items: Edge[workbench.Transcript] = Edge(len(texts) + 1)
        for number, text in enumerate(texts, start=1):
            said = workbench.Transcript(segment_id=number, text=text, language="en", start=number, end=number + 1)
            await items.put(said)
        items.close()
        async with Pool(Reader) as pool:
            node = Node(StageKind.TRANSLATION, pool, seen.append, tolerance, None)
            await node.run(lambda: Settings(language="en"), items, take)
        return node.failing_from

    return fakes.run(test), taken, seen


def test_values_are_taken_in_the_order_of_their_items() -> None:
    assert put_through("one", "two", "three") == (None, ["one en", "two en", "three en"], [])


def test_an_item_that_fails_is_told_and_the_others_go_on() -> None:
    failing_from, taken, [error] = put_through("one", "fails", "three")
    assert (failing_from, taken) == (None, ["one en", "three en"])
    assert isinstance(error, events.Error)
    assert error.message == "translation engine 'reader' failed at 0:02.0: ValueError: no such word"


def test_where_the_last_items_failed_it_says_from_when_on() -> None:
    assert put_through("one", "fails", "is odd")[0] == 2.0


def test_a_value_of_another_kind_is_a_failure() -> None:
    _, taken, [error] = put_through("is odd")
    assert taken == []
    assert isinstance(error, events.Error)
    assert "it gave a str, not a Translation" in error.message


def test_so_many_failures_in_a_row_end_the_stream() -> None:
    assert len(put_through("fails", "one", "fails", tolerance=2)[2]) == 2
    with pytest.raises(ExceptionGroup) as ended:
        put_through("one", "fails", "fails", tolerance=2)
    assert "failed at 0:03.0" in str(first_error(ended.value))
