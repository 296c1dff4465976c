"""A journal gives back what was written, and nothing else, whatever happened to its file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_events import any_event
from workbench import events, types
from workbench.errors import OutputError
from workbench.journal import Journal, holds, read_journal

FULL = """
import sys
from pathlib import Path
from workbench import events
from workbench.errors import OutputError
from workbench.journal import Journal, read_journal
journal, count = Journal(Path(sys.argv[1]) / "journal.jsonl"), 0
ballast = Path(sys.argv[1]) / "ballast"
ballast.write_bytes(bytes(200_000))
try:
    while True:
        journal.write(events.Progress(position=float(count)))
        count += 1
except OutputError as error:
    print(error.message)
ballast.unlink()
journal.write(events.Progress(position=float(count)))
journal.close()
found, damaged = read_journal(journal.path)
print([event.position for event in found] == [float(n) for n in range(count + 1)], damaged)
"""


def progress(*positions: float) -> list[events.Event]:
    return [events.Progress(position=position) for position in positions]


def written(path: Path, told: list[events.Event]) -> None:
    journal = Journal(path)
    for event in told:
        journal.write(event)
    journal.close()


@given(st.lists(any_event, max_size=5))
def test_events_come_back_in_their_order(tmp_path_factory: pytest.TempPathFactory, told: list[events.Event]) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    written(path, told)
    found, damaged = read_journal(path)
    assert damaged == 0
    assert [event.type for event in found] == [event.type for event in told]
    comparable = [(a, b) for a, b in zip(found, told, strict=True) if not isinstance(a, events.Speech)]
    assert all(a == b for a, b in comparable)


def test_a_line_is_json_that_people_can_search(tmp_path: Path) -> None:
    transcript = types.Transcript(segment_id=1, text='他说 "好"\n', language="zh", start=0.0, end=1.0)
    written(tmp_path / "j", [events.Transcript(transcript=transcript), *progress(12.4)])
    lines = (tmp_path / "j").read_text("utf-8").split("\n")
    assert '他说 \\"好\\"' in lines[0]
    assert lines[1] == '{"type": "progress", "position": 12.4, "duration": null, "crc": "63d02011"}'
    assert json.loads(lines[0])["transcript"]["text"] == '他说 "好"\n'
    assert lines[2:] == [""]


def test_an_event_is_there_when_write_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    for position in (1.0, 2.0):
        journal.write(events.Progress(position=position))
        assert read_journal(tmp_path / "j")[0][-1] == events.Progress(position=position)
    journal.sync()
    journal.close()
    journal.close()


def test_numbers_of_engines_and_halves_of_characters_can_be_written(tmp_path: Path) -> None:
    transcript = types.Transcript(
        segment_id=1,
        text="\ud83d",
        language="en",
        start=float(np.float64(0.5)),
        end=np.float32(1.5),  # type: ignore[arg-type]
    )
    written(tmp_path / "j", [events.Transcript(transcript=transcript)])
    assert read_journal(tmp_path / "j") == ([events.Transcript(transcript=transcript)], 0)


def test_no_file_is_no_events(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "missing") == ([], 0)


def test_lines_that_are_not_wanted_are_not_read(tmp_path: Path) -> None:
    written(tmp_path / "j", progress(1.0, 2.0, 3.0))
    assert read_journal(tmp_path / "j", lambda line: b"2.0" not in line)[0] == progress(1.0, 3.0)


def test_whether_a_text_is_in_it_is_told_whatever_the_case(tmp_path: Path) -> None:
    transcript = types.Transcript(segment_id=1, text='Straße "Nord"', language="de", start=0.0, end=1.0)
    written(tmp_path / "j", [events.Transcript(transcript=transcript)])
    assert holds(tmp_path / "j", 'STRASSE "n')
    assert not holds(tmp_path / "j", "Süd")
    assert not holds(tmp_path / "missing", "")


def test_a_torn_last_line_is_dropped_and_a_journal_goes_on_after_it(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, progress(1.0, 2.0))
    path.write_bytes(path.read_bytes()[:-5])
    assert read_journal(path) == (progress(1.0), 0)
    written(path, progress(3.0))
    assert read_journal(path) == (progress(1.0, 3.0), 1)


def test_a_last_line_that_only_lacks_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, progress(1.0, 2.0))
    path.write_bytes(path.read_bytes()[:-1])
    assert read_journal(path) == (progress(1.0, 2.0), 0)
    written(path, progress(3.0))
    assert read_journal(path) == (progress(1.0, 2.0, 3.0), 0)


TOLD = [
    events.Ready(),
    events.Transcript(transcript=types.Transcript(segment_id=0, text="å", language="en", start=0.0, end=1.0)),
    *progress(1.0, 2.5),
    events.Done(duration=3.0, statistics={"chunks": {"depth": 1}}),
]


@given(data=st.data())
def test_a_damaged_file_gives_only_what_was_written_in_the_order_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    written(path, TOLD)
    stored = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(stored) - 1), max_size=8)):
        stored[place] = data.draw(st.integers(0, 255))
    del stored[data.draw(st.integers(0, len(stored))) :]
    path.write_bytes(stored)
    found, _ = read_journal(path)
    rest = iter(TOLD)
    assert all(event in rest for event in found), "each is a written one, after the one before"
    written(path, progress(9.0))
    assert read_journal(path)[0] == [*found, *progress(9.0)]


@given(cut=st.integers(0, 10_000))
def test_a_file_that_was_cut_gives_all_that_was_complete(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    written(path, TOLD)
    stored = path.read_bytes()[:cut]
    path.write_bytes(stored)
    found, damaged = read_journal(path)
    assert damaged == 0
    assert found == TOLD[: len(found)]
    assert len(found) >= stored.count(b"\n")


def test_a_kind_of_event_that_is_not_known_is_counted(tmp_path: Path) -> None:
    class Party(events.Progress):
        type = "party"

    written(tmp_path / "j", [Party(position=1.0), *progress(2.0)])
    assert read_journal(tmp_path / "j") == (progress(2.0), 1)


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")

    def write(offset: int) -> None:
        for event in progress(*range(offset, offset + 200)):
            journal.write(event)

    threads = [threading.Thread(target=write, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    found, damaged = read_journal(tmp_path / "j")
    assert (len(found), damaged) == (800, 0)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        Journal(tmp_path / "missing" / "j")


def test_a_disk_that_was_full_tears_one_line_at_most(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    script = ["sh", "-c", 'mount -t tmpfs -o size=256k none "$1" && "$2" -c "$3" "$1"', "sh", str(tmp_path)]
    script += [sys.executable, FULL]
    for command in [[unshare, "-m", *script], [unshare, "-rm", *script]] if unshare else []:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if "full" in result.stdout:
            message, rest = result.stdout.splitlines()
            assert "the disk is full" in message
            assert rest in ("True 0", "True 1")
            return
    pytest.skip("a small disk cannot be mounted here: neither as root nor in a user namespace")
