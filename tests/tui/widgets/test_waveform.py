from __future__ import annotations

import numpy as np

from tests.tui.widgets.looks import shown
from workbench import events
from workbench.audio.levels import Meter
from workbench.tui.widgets.waveform import Marks, Waveform


def drawn(meter: Meter, captured: float, *told: events.Event, width: int = 24) -> list[str]:
    """Two columns a second."""
    marks = Marks()
    for event in told:
        marks.take(event)
    waveform = Waveform(meter.waveform)
    with shown(waveform, (width, 3), lambda panel: panel.show_until(captured, marks)):
        return waveform.plain


def loud(seconds: float, level: float = 1.0) -> np.ndarray:
    return np.full(round(seconds * 16_000), level, np.float32)


def test_loud_is_high_and_the_newest_is_at_the_right() -> None:
    meter = Meter()
    for part in (loud(4, 0.0), loud(4, 0.045), loud(4, 1.0)):
        meter.add(part, 16_000)
    top, bottom, _marks = drawn(meter, 12.0)
    assert bottom == " " * 8 + "█" * 16
    assert top == " " * 16 + "█" * 8


def test_speech_silence_gaps_and_the_time_before_have_their_own_marks() -> None:
    told = (
        events.SpeechStarted(segment_id=0, start=2.0),
        events.SpeechEnded(segment_id=0, start=2.0, end=4.0),
        events.DeviceLost(device="mic", position=5.0, message="gone"),
        events.DeviceReturned(device="mic", start=5.0, end=6.0),
        events.SpeechStarted(segment_id=1, start=7.0),
    )
    assert drawn(Meter(), 7.99, *told)[2] == " " * 8 + "····━━━━··xx··━━"


def test_speech_that_goes_on_is_told_at_once_and_ends_with_the_stream() -> None:
    marks = Marks()
    assert not marks.speaking
    marks.take(events.SpeechStarted(segment_id=0, start=2.0))
    assert marks.speaking
    assert marks.at(1000.0) == "speech"
    marks.take(events.Done(duration=3.0))
    assert not marks.speaking


def test_a_device_that_is_away_leaves_a_gap_that_grows() -> None:
    marks = Marks()
    marks.take(events.DeviceLost(device="mic", position=5.0, message="gone"))
    assert [marks.at(time) for time in (4.9, 5.1, 60.0)] == ["quiet", "gap", "gap"]


def test_what_is_out_of_sight_is_forgotten() -> None:
    marks = Marks()
    for number in range(1000):
        marks.take(events.SpeechStarted(segment_id=number, start=number))
        marks.take(events.SpeechEnded(segment_id=number, start=number, end=number + 0.5))
        marks.forget(number - 24.0)
    assert len(marks._speech) < 30
    assert marks.at(999.2) == "speech"
