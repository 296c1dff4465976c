from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from workbench.tui.wrapping import line_starts, rewrapped

TEXT = st.text(st.sampled_from("ab cd 因此只有，。「」かッ ระ é🙂-"), max_size=80)


def broken(text: str, starts: list[int]) -> list[str]:
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("the rename is atomic", ["the rename", "is atomic"]),
        ("因此只有在片段确定之后，才会", ["因此只有在", "片段确定之", "后，才会"]),
        ("he said 你好世界 twice", ["he said 你", "好世界", "twice"]),
        ("incomprehensibilities", ["incomprehe", "nsibilitie", "s"]),
        ("", [""]),
    ],
)
def test_text_is_broken_between_words_and_between_characters_of_scripts_without_spaces(
    text: str, lines: list[str]
) -> None:
    assert [line.rstrip() for line in broken(text, line_starts(text, 10))] == lines


@given(TEXT, st.integers(4, 30))
def test_no_line_is_wider_than_there_is_room_and_nothing_is_lost(text: str, width: int) -> None:
    lines = broken(text, line_starts(text, width))
    assert "".join(lines) == text
    assert all(cell_len(line.rstrip()) <= width for line in lines)


@given(TEXT, TEXT, TEXT, st.integers(4, 30))
def test_lines_before_a_change_stay_as_they_are(same: str, old: str, new: str, width: int) -> None:
    before, after = same + old, same + new
    starts = line_starts(before, width)
    anew = rewrapped(after, width, before, starts)
    kept = [start for start in starts if start < len(same)]
    assert anew[: len(kept)] == kept
    assert all(cell_len(line.rstrip()) <= width for line in broken(after, anew))


def test_a_word_that_became_shorter_stays_on_its_line() -> None:
    before, after = "this is a checkpoint", "this is a chat"
    assert line_starts(after, 14) == [0]
    assert rewrapped(after, 14, before, line_starts(before, 14)) == [0, 10]
