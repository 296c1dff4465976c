import workbench
from workbench.testing import assert_streams_are_independent, run
from workbench_shout import Shout


def said(text: str) -> workbench.Transcript:
    return workbench.Transcript(segment_id=1, text=text, language="en", start=0.0, end=1.5)


def test_it_shouts() -> None:
    [translation] = run(Shout(Shout.Options(marks=3)), [said("Hello there")])
    assert translation.text == "HELLO THERE!!!"
    assert (translation.segment_id, translation.start, translation.end) == (1, 0.0, 1.5)


def test_no_stream_hears_another() -> None:
    assert_streams_are_independent(Shout(Shout.Options()), [said("one"), said("two")], [said("three")])
