from __future__ import annotations

import tomllib
from typing import Any

import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from workbench.profiles.toml_lines import key_lines, line_of

TEXT = '''# a comment = 1
schema = 1

[ asr . "options" ]   # header
prompt = """
[fake]
key = "x"
"""
hotwords = [   # several lines
  "a = 1",
  '# not a comment ]',
]
"quoted key" = 'it\\'
sub.key = {a = 1, b = [2]}

[[capture]]
after = 1
'''


def test_keys_after_values_of_several_lines_have_their_own_line() -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT) == {
        ("schema",): 2,
        ("asr", "options"): 4,
        ("asr", "options", "prompt"): 5,
        ("asr", "options", "hotwords"): 9,
        ("asr", "options", "quoted key"): 13,
        ("asr", "options", "sub", "key"): 14,
        ("capture",): 16,
        ("capture", "after"): 17,
    }


def test_what_has_no_line_of_its_own_has_that_of_the_table_around_it() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("asr", "options", "sub", "key", "b", 0)) == 14
    assert line_of(lines, ("asr", "options", "missing")) == 4
    assert line_of(lines, ("asr", "engine")) == 4
    assert line_of(lines, ("nowhere",)) == 1


KEYS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
LEAVES = st.one_of(st.integers(-9, 9), st.booleans(), st.text(max_size=12), st.lists(st.text(max_size=6), max_size=9))
TABLES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=4), lambda t: st.dictionaries(KEYS, LEAVES | t, max_size=4)
)


@given(TABLES)
def test_every_key_of_any_toml_is_found_on_a_line_that_has_it(data: dict[str, Any]) -> None:
    text = tomli_w.dumps(data)
    lines = key_lines(text)

    def check(table: dict[str, Any], path: tuple[str, ...]) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                check(value, (*path, key))
            else:
                assert key in text.split("\n")[lines[(*path, key)] - 1]

    check(data, ())
