"""How far many files are, and how long they will take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workbench.engines import Settings
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry
from workbench.jobs.request import Request
from workbench.jobs.totals import totals
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.transcribe import Result

WAITING = Entry(
    number=1,
    request=Request(
        targets=Targets(Path("talk.wav"), (("srt", Path("talk.srt")),)),
        settings=Settings(),
        profile=Profile(schema=1, name="quick"),
    ),
    duration=130.0,
)
RESULT = Result(
    path=Path("talk.wav"),
    outputs=(),
    rendered=(),
    language="en",
    duration=100.0,
    elapsed=25.0,
    captions=(),
    cues=0,
    warnings=(),
)
RUNNING = replace(WAITING, state=State.RUNNING, duration=100.0, position=30.0, run_from=10.0, run_began=1000.0)
ENTRIES = st.lists(
    st.builds(
        lambda state, position, run_from, duration, began: replace(
            WAITING, state=state, position=position, run_from=run_from, duration=duration, run_began=began
        ),
        st.sampled_from(State),
        st.floats(0, 1e5),
        st.floats(0, 1e5),
        st.none() | st.floats(0, 1e5),
        st.none() | st.floats(0, 1e5),
    )
)
"""Any, as far as time goes."""


def test_what_is_ahead_takes_as_long_as_all_that_run_are_fast() -> None:
    done = replace(WAITING, state=State.FINISHED, duration=9.0, position=9.0)
    gone = replace(WAITING, state=State.CANCELLED, duration=500.0)
    failed = replace(WAITING, state=State.FAILED, duration=500.0)
    found = totals([RUNNING, WAITING, done, gone, failed], 1010.0)
    assert (found.count, found.done, found.running, found.failed) == (4, 1, 1, 1)
    assert (found.audio_done_s, found.audio_left_s, found.left_s) == (39.0, 200.0, 100.0)


def test_two_that_run_share_what_waits_and_the_slowest_holds_all_up() -> None:
    quick = replace(RUNNING, position=90.0)  # at 8x, beside one at 2x
    long = replace(WAITING, duration=530.0)
    assert totals([RUNNING, quick, long], 1010.0).left_s == (70.0 + 10.0 + 530.0) / 10
    slow = replace(RUNNING, position=11.0)
    assert totals([slow, quick], 1010.0).left_s == slow.left_s(1010.0)


def test_files_that_ended_without_a_break_tell_how_fast_it_goes_and_those_before_a_break_do_not() -> None:
    def done(began: float, elapsed: float, audio: float) -> Entry:
        result = replace(RESULT, duration=audio, elapsed=elapsed)
        return replace(WAITING, state=State.FINISHED, duration=audio, position=audio, run_began=began, result=result)

    began = replace(RUNNING, position=10.0, run_began=1009.0)  # it has told nothing yet
    chain = [done(990.0, 15.0, 60.0), done(1000.0, 9.0, 40.0)]
    assert totals([began, *chain], 1010.0).left_s == 20.0 * 90.0 / 100.0
    assert totals([began, *chain, done(100.0, 10.0, 9000.0)], 1010.0).left_s == 18.0


def test_nothing_is_foretold_before_anything_is_done_nor_of_an_unknown_length() -> None:
    begun = replace(RUNNING, position=10.0)
    assert totals([begun, WAITING], 1010.0).left_s is None
    assert totals([WAITING], 1010.0).left_s is None
    assert not totals([RUNNING, replace(WAITING, duration=None)], 1010.0).is_known


@given(ENTRIES, st.floats(0, 2e5))
def test_nothing_is_ever_negative(entries: list[Entry], now: float) -> None:
    found = totals(entries, now)
    assert found.audio_done_s >= 0
    assert found.audio_left_s >= 0
    assert found.left_s is None or found.left_s >= 0
