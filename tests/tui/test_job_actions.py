"""What can be done with a file of the queue: what the keys allow, and why they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engines import Settings
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry
from workbench.jobs.request import Request
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.tui.job_actions import STATES, is_allowed, why_not

REQUEST = Request(
    targets=Targets(Path("talk.wav"), ()), settings=Settings(), profile=Profile(schema=1, name="quick"), priority=0
)


def entry(state: State) -> Entry:
    return Entry(number=1, request=REQUEST, state=state)


@given(st.sampled_from(sorted(STATES)), st.sampled_from(list(State)), st.booleans())
def test_what_is_not_allowed_has_a_reason(action: str, state: State, stopping: bool) -> None:
    if not is_allowed(action, entry(state), stopping=stopping):
        assert why_not(action, entry(state), stopping=stopping)


@pytest.mark.parametrize("action", STATES)
def test_without_a_file_nothing_can_be_done(action: str) -> None:
    assert not is_allowed(action, None, stopping=False)
    assert why_not(action, None, stopping=False) == "There is no file in the list: a adds some."


@pytest.mark.parametrize(
    ("action", "state", "reason"),
    [
        ("remove", State.RUNNING, "It is being worked on: p pauses it first."),
        ("remove", State.PAUSED, "It is not done: x cancels it first."),
        ("resume", State.FAILED, "It has ended: R tries again."),
        ("retry", State.PAUSED, "It has neither failed nor been cancelled."),
        ("cancel", State.FINISHED, "Nothing is left to be done of it."),
    ],
)
def test_the_reason_names_the_next_step(action: str, state: State, reason: str) -> None:
    assert not is_allowed(action, entry(state), stopping=False)
    assert why_not(action, entry(state), stopping=False) == reason


def test_what_stops_is_waited_for() -> None:
    assert not is_allowed("cancel", entry(State.RUNNING), stopping=True)
    assert why_not("cancel", entry(State.RUNNING), stopping=True).startswith("It stops when")
