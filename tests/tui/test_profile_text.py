"""Profiles as they are shown."""

from __future__ import annotations

import pytest

from workbench.profiles.schema import parse_profile
from workbench.tui.profile_text import differences, marked, problem_place


def test_lines_and_what_is_not_written_are_told_apart() -> None:
    default = parse_profile('schema = 1\nname = "a"\n[asr]\nengine = "x"\noptions = { a = 1, b = 2 }\n')
    text = '# c\nschema = 1\nname = "b"\n[asr]\nengine = "y"\noptions = { a = 1 }\n[live]\nspeak = true\n'
    profile = parse_profile(text)
    found = [(line.text, line.note) for line in marked(text, profile, default) if line.note]
    assert found == [
        ('engine = "y"', '"x"'),
        ("speak = true", "false"),
        ("# asr.options.b", "2"),
    ]
    assert differences(profile, default) == [
        'asr.engine: "x" → "y"',
        "asr.options.b: 2 → (not set)",
        "live.speak: false → true",
    ]


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        ("own:4: asr.engine: is missing", (4, "asr.engine: is missing")),
        ("own:4:7: a value is missing", (4, "a value is missing")),
        ("own: is larger than it may be", (1, "own: is larger than it may be")),
    ],
)
def test_the_line_of_a_mistake_is_told(problem: str, place: tuple[int, str]) -> None:
    assert problem_place(problem, "own") == place
