"""The states of engines as pure data: their order, what may follow what, who is told."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from workbench.engines import StageKind
from workbench.models.states import FOLLOWS, ModelState, ModelStates, Phase, Queued


def state(kind: StageKind = StageKind.ASR, model: str = "", phase: Phase = Phase.LOADING) -> ModelState:
    return ModelState(kind, "engine", model, phase)


def phases(states: ModelStates) -> list[Phase]:
    return [one.phase for one in states.current()]


def test_states_stand_in_the_order_of_the_stages_and_the_oldest_first() -> None:
    states = ModelStates()
    states.add("a", 1, state(StageKind.TTS))
    states.add("b", 2, state(StageKind.ASR, "second"))
    states.add("c", 3, state(StageKind.VAD))
    states.add("d", 4, state(StageKind.ASR, "first"))
    found = [(one.kind, one.model) for one in states.current()]
    assert found == [
        (StageKind.VAD, ""),
        (StageKind.ASR, "second"),
        (StageKind.ASR, "first"),
        (StageKind.TTS, ""),
    ]


def test_each_change_is_told_once_until_the_watch_ends() -> None:
    states, seen, others = ModelStates(), list[list[Phase]](), list[int]()
    stop = states.watch(lambda told: seen.append([one.phase for one in told]))
    states.watch(lambda told: others.append(len(told)))
    states.add("a", 1, state())
    states.move("a", Phase.WARMING)
    states.move("a", Phase.WARMING)
    states.move("a", Phase.READY)
    stop()
    stop()
    states.move("a", Phase.UNLOADING)
    states.drop("a")
    states.drop("a")
    assert seen == [[Phase.LOADING], [Phase.WARMING], [Phase.READY]]
    assert others == [1, 1, 1, 1, 0]


def test_a_watch_may_end_itself_while_it_is_told() -> None:
    states, seen = ModelStates(), list[str]()

    def once(told: tuple[ModelState, ...]) -> None:
        seen.append("once")
        stop()

    stop = states.watch(once)
    states.watch(lambda told: seen.append("always"))
    states.add("a", 1, state())
    states.move("a", Phase.READY)
    assert seen == ["once", "always", "always"]


def test_how_far_and_why_go_with_the_phase_they_belong_to() -> None:
    states = ModelStates()
    states.add("a", 1, state())
    states.move("a", Phase.DOWNLOADING, 5, 10)
    assert (states.current()[0].done, states.current()[0].total) == (5, 10)
    states.move("a", Phase.FAILED, message="torn")
    assert (states.current()[0].done, states.current()[0].total, states.current()[0].message) == (0, 0, "torn")
    states.move("a", Phase.LOADING)
    assert states.current()[0].message == ""


@pytest.mark.parametrize(("before", "after"), sorted(itertools.product(Phase, Phase)))
def test_only_what_may_follow_follows(before: Phase, after: Phase) -> None:
    way = [phase for phase in (Phase.LOADING, Phase.READY) if phase is not before] if before is Phase.UNLOADING else []
    states = ModelStates()
    states.add("a", 1, state())
    for phase in [*way, before]:
        states.move("a", phase)
    if after is before or after in FOLLOWS[before]:
        states.move("a", after)
        assert phases(states) == [after]
    else:
        with pytest.raises(AssertionError, match=f"{before} to {after}"):
            states.move("a", after)
        assert phases(states) == [before]


def test_what_comes_next_stands_on_what_is_being_loaded_for_that_stage() -> None:
    states = ModelStates()
    for owner, kind, phase in [
        ("vad", StageKind.VAD, Phase.READY),
        ("old", StageKind.ASR, Phase.READY),
        ("new", StageKind.ASR, Phase.LOADING),
    ]:
        states.add(owner, owner, state(kind, owner))
        states.move(owner, phase)
    states.queue({StageKind.ASR: Queued("newest", "engine newest"), StageKind.VAD: Queued("vad", "engine vad")})
    assert [one.next for one in states.current()] == ["", "", "engine newest"]
    states.move("new", Phase.READY)
    assert [one.next for one in states.current()] == ["", "engine newest", "engine newest"]
    states.move("old", Phase.UNLOADING)
    assert [one.next for one in states.current()] == ["", "", "engine newest"]
    states.queue({})
    assert [one.next for one in states.current()] == ["", "", ""]


def test_what_is_queued_is_told_when_it_changes() -> None:
    states, told = ModelStates(), list[str]()
    states.add("a", 1, state())
    states.watch(lambda seen: told.append(seen[0].next))
    wanted = {StageKind.ASR: Queued(2, "engine b")}
    states.queue(wanted)
    states.queue(dict(wanted))
    states.queue({})
    assert told == ["engine b", ""]


class AnyOrder(RuleBasedStateMachine):
    """Whatever is done, watchers see exactly what is there, and nothing that may not follow."""

    def __init__(self) -> None:
        super().__init__()
        self.states = ModelStates()
        self.seen: tuple[ModelState, ...] = ()
        self.states.watch(self.look)
        self.expected: dict[str, Phase] = {}

    def look(self, seen: tuple[ModelState, ...]) -> None:
        before = {one.model: one.phase for one in self.seen}
        for one in seen:
            phase = before.get(one.model)
            assert phase in (None, one.phase) or (phase is not None and one.phase in FOLLOWS[phase])
        self.seen = seen

    owners = st.sampled_from("abc")

    @rule(owner=owners, phase=st.sampled_from([Phase.ABSENT, Phase.LOADING]))
    def add(self, owner: str, phase: Phase) -> None:
        if owner not in self.expected:
            self.states.add(owner, owner, state(model=owner, phase=phase))
            self.expected[owner] = phase

    @precondition(lambda self: self.expected)
    @rule(owner=owners, phase=st.sampled_from(Phase), done=st.integers(0, 3))
    def move(self, owner: str, phase: Phase, done: int) -> None:
        before = self.expected.get(owner)
        if before is not None and (phase is before or phase in FOLLOWS[before]):
            self.states.move(owner, phase, done, 3)
            self.expected[owner] = phase

    @rule(owner=owners)
    def drop(self, owner: str) -> None:
        self.states.drop(owner)
        self.expected.pop(owner, None)

    @rule(wanted=st.one_of(st.none(), owners))
    def queue(self, wanted: str | None) -> None:
        self.states.queue({StageKind.ASR: Queued(wanted, f"engine {wanted}")} if wanted else {})

    def teardown(self) -> None:
        assert self.seen == self.states.current()
        assert {one.model: one.phase for one in self.seen} == self.expected
        assert all(one.next != f"engine {one.model}" for one in self.seen)


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_any_order_of_changes_is_seen_as_it_is = AnyOrder.TestCase
