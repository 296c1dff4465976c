"""Captions broken into rows, without a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tui.caption_rows import CaptionRows, Layout, Placed, Shape
from workbench.tui.captions import Caption

NARROW = Shape(width=31)
"""20 cells for text beside the times."""


def caption(text: str, *, number: int = 0, final: bool = True, translation: str = "", awaits: bool = False) -> Caption:
    return Caption(
        segment_id=number,
        start=10.0 * number,
        end=10.0 * number + 2,
        text=text,
        stable=len(text) if final else 0,
        is_final=final,
        language="en",
        translation=translation,
        is_translated=bool(translation),
        awaits_translation=awaits,
    )


def drawn(shape: Shape, placed: Placed, *, chosen: bool = False) -> list[str]:
    lines = (shape.line(placed, row, chosen=chosen, marked=None) for row in range(len(placed.rows)))
    return ["".join(text for text, _style in line).rstrip() for line in lines]


def test_text_is_broken_between_words_beside_its_time() -> None:
    placed = NARROW.place(caption("the disk is full and nothing is lost", number=75))
    assert drawn(NARROW, placed) == ["    12:30  the disk is full and", "           nothing is lost"]
    assert drawn(NARROW, placed, chosen=True)[1].startswith(">")
    bare = replace(NARROW, times=False)
    assert drawn(bare, bare.place(caption("the disk is full"))) == ["   the disk is full"]


@pytest.mark.parametrize(
    ("order", "lines"),
    [
        ("source-first", ["One.", "一。"]),
        ("translation-first", ["一。", "One."]),
        ("translation", ["一。"]),
        ("source", ["One."]),
    ],
)
def test_what_is_shown_and_copied_of_a_translated_caption_is_chosen(order: Layout, lines: list[str]) -> None:
    shape = Shape(width=40, times=False, order=order)
    translated = caption("One.", translation="一。")
    assert [line.strip() for line in drawn(shape, shape.place(translated))] == lines
    assert shape.copied(translated).split("\n") == lines


def test_a_caption_that_grows_does_not_get_fewer_rows_before_it_is_final() -> None:
    long = NARROW.place(caption("the disk is full and nothing is lost", final=False))
    shorter = NARROW.place(caption("the disk is full", final=False), long)
    assert (len(long.rows), len(shorter.rows)) == (2, 2)
    assert len(NARROW.place(caption("The disk is full."), shorter).rows) == 1


def test_what_was_laid_out_in_another_shape_does_not_bind_the_next() -> None:
    wide = Shape(width=80)
    before = NARROW.place(caption("the disk is full and nothing is lost", final=False))
    assert len(wide.place(caption("the disk is full and nothing is lost yet", final=False), before).rows) == 1


def test_matches_are_marked_in_text_and_translation() -> None:
    shape = Shape(width=80)
    placed = shape.place(caption("a needle", translation="eine Needle"))
    marked = re.compile("needle", re.IGNORECASE)
    found = [shape.line(placed, row, chosen=False, marked=marked) for row in range(2)]
    assert [[text for text, style in line if style == "match"] for line in found] == [["needle"], ["Needle"]]


@given(st.lists(st.lists(st.sampled_from(["word", "磁盘", "x" * 30]), max_size=12), max_size=12), st.data())
def test_every_row_belongs_to_the_caption_that_it_is_a_part_of(texts: list[list[str]], data: st.DataObject) -> None:
    rows = CaptionRows([NARROW.place(caption(" ".join(words) or "-", number=i)) for i, words in enumerate(texts)])
    if texts:
        first = data.draw(st.integers(0, len(texts) - 1))
        removed = data.draw(st.integers(0, len(texts) - first))
        rows.replace(first, removed, [NARROW.place(caption("put in its place", number=99))])
    assert rows.height == sum(len(placed.rows) for placed in rows.placed)
    owners = [index for index, placed in enumerate(rows.placed) for _row in placed.rows]
    assert [rows.at(y) for y in range(rows.height)] == owners
    assert rows.at(rows.height) == len(rows.placed)
    assert [rows.top(index) for index in range(len(rows.placed))] == [owners.index(i) for i in range(len(rows.placed))]


def test_what_nobody_saw_yet_is_laid_out_in_slices_that_move_nothing_before_the_last() -> None:
    long = "the disk is full and nothing is lost"
    rows = CaptionRows([NARROW.place_unseen(caption(long, number=number)) for number in range(450)])
    assert rows.height == 450
    heights = [rows.height for _slice in rows.shape_all(NARROW)]
    assert len(heights) == 5
    assert set(heights) == {450}
    assert rows.height == 900


def test_a_caption_that_changes_while_the_rest_is_laid_out_stays_as_it_came() -> None:
    rows = CaptionRows([NARROW.place_unseen(caption("old", number=number)) for number in range(250)])
    slices = rows.shape_all(NARROW)
    next(slices)
    newer = NARROW.place(caption("the disk is full and nothing is lost", number=3))
    rows.replace(3, 2, [newer])
    for _slice in slices:
        pass
    assert rows.placed[3] is newer
    assert len(rows.placed) == 249
    assert {placed.shape for placed in rows.placed} == {NARROW}
