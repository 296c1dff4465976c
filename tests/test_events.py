from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import events, types

times = st.floats(0, 1e6, allow_nan=False)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
ids = st.integers(0, 10**6)
words = st.lists(st.builds(types.Word, times, times, texts, st.floats(0, 1)), max_size=3).map(tuple)
transcripts = st.builds(
    types.Transcript,
    segment_id=ids,
    text=texts,
    language=texts,
    start=times,
    end=times,
    words=words,
    stable=texts,
    is_final=st.booleans(),
)
translations = st.builds(
    types.Translation, segment_id=ids, text=texts, language=texts, start=times, end=times, is_final=st.booleans()
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    "types.Transcript": transcripts,
    "types.Translation": translations,
    "str": texts,
    "int": ids,
    "float": times,
    "float | None": st.none() | times,
    "dict[str, Any]": st.dictionaries(texts, ids, max_size=2),
}


def strategy_of(kind: Any) -> st.SearchStrategy[events.Event]:
    if kind is events.Speech:
        audio = types.AudioChunk(np.zeros(0, np.float32), 24_000, 1.5)
        return st.builds(events.Speech, speech=st.builds(types.Speech, segment_id=ids, audio=st.just(audio)))
    return st.builds(kind, **{field.name: BY_TYPE[field.type] for field in fields(kind)})


any_event = st.one_of([strategy_of(kind) for kind in get_args(events.Event)])


@given(any_event)
def test_an_event_comes_back_from_json_as_it_was(event: events.Event) -> None:
    data = json.loads(json.dumps(event.to_dict()))
    assert next(iter(data)) == "type"
    back = events.parse(data)
    assert type(back) is type(event)
    if not isinstance(event, events.Speech):
        assert back == event


def test_speech_comes_back_without_samples() -> None:
    audio = types.AudioChunk(np.ones(2400, np.float32), 24_000, 1.5)
    event = events.Speech(speech=types.Speech(segment_id=3, audio=audio))
    back = events.parse(event.to_dict())
    assert isinstance(back, events.Speech)
    speech = back.speech
    assert (speech.segment_id, speech.audio.start, speech.audio.sample_rate) == (3, 1.5, 24_000)
    assert len(speech.audio.samples) == 0


def test_every_kind_of_event_has_a_name_of_its_own() -> None:
    kinds = get_args(events.Event)
    assert len({kind.type for kind in kinds}) == len(kinds)


def test_what_a_later_version_says_beside_is_ignored() -> None:
    data = {"type": "progress", "position": 1.0, "mood": "good"}
    assert events.parse(data) == events.Progress(position=1.0)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"type": "party"},
        {"type": ["progress"]},
        {"type": "progress"},
        {"type": "progress", "position": "far"},
        {"type": "transcript", "transcript": {"text": "no more"}},
        {"type": "speech", "segment_id": 1},
        {"type": "speech", "segment_id": None, "start": 0, "sample_rate": 1},
    ],
)
def test_what_is_no_event_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is for programmers
        events.parse(data)
