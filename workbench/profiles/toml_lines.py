"""Where in a TOML text each key and each mistake stands: a message without a line is a riddle."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"\[\[?[ \t]*({_KEY})[ \t]*\]\]?")
_ASSIGNMENT = re.compile(rf"({_KEY})[ \t]*=")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'" r"|#[^\n]*|.", re.DOTALL
)

_WORDS = {
    "Cannot overwrite a value": "a key is given twice",
    "Invalid value": "a value is missing or not valid TOML",
}


def parse(text: str) -> dict[str, Any]:
    """What a TOML `text` holds. Raises `ValueError` whose text is LINE:COLUMN: or LINE:, and what is wrong."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("1: is nested too deeply") from None
    except ValueError as error:
        message = str(error)
    place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    where = f"{place[1]}:{place[2]}" if place else str(text.count("\n") + 1)
    message = re.sub(r" \(at [^()]*\)$", "", message).split(";")[0]
    raise ValueError(f"{where}: {_WORDS.get(message, message)}")


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of each table and key of a valid TOML `text`. Keys of inline tables are left out."""
    lines: dict[Path, int] = {}
    table: Path = ()
    for line, statement in _statements(text):
        if header := _HEADER.match(statement):
            table = _parts(header[1])
            lines.setdefault(table, line)
        elif assignment := _ASSIGNMENT.match(statement):
            lines.setdefault(table + _parts(assignment[1]), line)
    return lines


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int:
    """The line of `path`, or of the closest table around it."""
    names = tuple(map(str, path))
    for length in range(len(names), 0, -1):
        for known, line in lines.items():
            if known[:length] == names[:length]:
                return line
    return 1


def _statements(text: str) -> list[tuple[int, str]]:
    """(line, text) of each header or assignment; a value may go on over several lines."""
    statements: list[tuple[int, str]] = []
    line, depth, begin, begin_line = 1, 0, 0, 1
    for token in _TOKEN.finditer(text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        line += token[0].count("\n")
        if token[0] == "\n" and depth == 0:
            statements.append((begin_line, text[begin : token.start()].strip()))
            begin, begin_line = token.end(), line
    return [*statements, (begin_line, text[begin:].strip())]


def _parts(key: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))
