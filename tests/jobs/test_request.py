"""What was asked for is there for another process, as it was, or is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.jobs import FILE, IDENTITY
from tests.jobs.talking import profile, registry
from workbench.engines import Settings
from workbench.errors import JobRefused
from workbench.jobs.checkpoint import Checkpoint
from workbench.jobs.request import Request, pinned, request_of
from workbench.jobs.sealed import seal, unseal
from workbench.outputs import Targets
from workbench.profiles.schema import parse_profile
from workbench.session import Session

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TEXTS = st.text(max_size=20)
FORMATS = st.sampled_from(["srt", "vtt", "ass"])
PATHS = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20).map(lambda name: Path("/videos", name))
TARGETS = st.builds(
    Targets,
    path=PATHS,
    subtitles=st.lists(st.tuples(FORMATS, st.none() | PATHS), max_size=3).map(tuple),
    speech=st.none() | PATHS,
    folder=st.none() | PATHS,
    copy=st.none() | PATHS,
    show=st.sampled_from(["source", "translation", "both"]),
    overwrite=st.booleans(),
)
SETTINGS = st.builds(
    Settings,
    language=st.none() | st.just("zh-TW"),
    target_language=st.none() | st.just("de"),
    voice=st.none() | TEXTS,
    prompt=TEXTS,
    hotwords=TEXTS,
)


def stored(request: dict[str, Any]) -> Checkpoint:
    return Checkpoint(identity=IDENTITY, path=FILE, created=NOW, updated=NOW, request=request)


@given(targets=TARGETS, settings=SETTINGS, priority=st.integers(-5, 5))
def test_it_comes_back_as_it_was_asked_for(targets: Targets, settings: Settings, priority: int) -> None:
    request = Request(targets=targets, settings=settings, profile=profile(), priority=priority)
    unsealed = unseal(seal(request.to_dict(), b"")[0], b"")
    assert unsealed is not None
    found = request_of(stored(unsealed[0]))
    assert (found.targets, found.settings, found.priority) == (targets, settings, priority)
    assert found.profile.to_dict() == request.profile.to_dict()


def test_where_files_lie_does_not_depend_on_the_folder_of_another_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    targets = Targets(Path("talk.wav"), (("srt", Path("out/talk.srt")), ("vtt", None)), folder=Path("out"))
    request = Request(targets=targets, settings=Settings(), profile=profile())
    found = request_of(stored(request.to_dict())).targets
    assert found.path == tmp_path / "talk.wav"
    assert found.subtitles == (("srt", tmp_path / "out" / "talk.srt"), ("vtt", None))


@pytest.mark.parametrize(
    "change",
    [
        {"targets": None},
        {"targets": {"path": 5}},
        {"settings": {"language": ["de"]}},
        {"profile": {"schema": 9, "name": "x"}},
        {"priority": "soon"},
    ],
    ids=str,
)
def test_what_another_program_wrote_there_is_refused(change: dict[str, Any]) -> None:
    request = Request(targets=Targets(FILE, ()), settings=Settings(), profile=profile()).to_dict()
    with pytest.raises(JobRefused, match="does not say what is to be made") as caught:
        request_of(stored(request | change))
    assert str(FILE) in caught.value.message
    assert caught.value.hint == "Start the file afresh."
    with pytest.raises(JobRefused):
        request_of(stored({}))


def test_what_a_profile_leaves_open_is_written_in_it() -> None:
    left_open = parse_profile('schema = 1\nname = "open"\n[vad]\nengine = "loud"\noptions.min_speech_ms = 60\n')
    session = Session(left_open, registry())
    plan = session.plan(Settings(target_language="de"))
    found = pinned(left_open, plan)
    assert found.vad is not None
    assert found.asr is not None
    assert found.translation is not None
    assert [stage.engine for stage in (found.vad, found.asr, found.translation)] == ["loud", "digests", "capitals"]
    assert found.vad.options["min_speech_ms"] == 60
    again = Session(found, registry()).plan(Settings(target_language="de"))
    assert pinned(found, again) == found
