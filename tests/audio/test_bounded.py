"""Files that are made to harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from workbench.audio.bounded import Bounded, Bounds
from workbench.builtin.file import FileCapture
from workbench.engines import Settings
from workbench.errors import InputError


@pytest.fixture
def flac(tmp_path: Path) -> Callable[..., Path]:
    """Silence of so many seconds, in far fewer bytes."""

    def make(seconds: float = 30.0, rate: int = 16_000, layout: str = "mono") -> Path:
        path = tmp_path / "quiet.flac"
        channels = av.AudioLayout(layout).nb_channels
        with av.open(str(path), "w") as container:
            stream = container.add_stream("flac", rate=rate, layout=layout)
            for second in range(round(seconds)):
                samples = np.zeros((1, rate * channels), np.int16)
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
                frame.sample_rate, frame.pts = rate, second * rate
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


def heard(path: Path, bounds: Bounds) -> float:
    """Seconds."""
    chunks = Bounded(FileCapture(FileCapture.Options(path=path)), path, bounds).open(Settings())
    return sum(chunk.duration for chunk in chunks)


def test_a_file_within_bounds_is_heard_whole(flac: Callable[..., Path]) -> None:
    assert heard(flac(), Bounds()) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (Bounds(duration_s=20.0), "is longer than"),
        (Bounds(channels=0), "has 1 channels at 16000 Hz"),
        (Bounds(sample_rates=range(44_100, 48_001)), "has 1 channels at 16000 Hz"),
    ],
)
def test_what_a_file_says_of_itself_is_refused_at_once(flac: Callable[..., Path], bounds: Bounds, said: str) -> None:
    path = flac()
    with pytest.raises(InputError, match=said) as refused:
        Bounded(FileCapture(FileCapture.Options(path=path)), path, bounds).open(Settings())
    assert refused.value.hint


def test_a_file_that_says_too_little_is_ended_where_the_bound_is(
    flac: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = flac()
    capture = FileCapture(FileCapture.Options(path=path))
    chunks = Bounded(capture, path, Bounds(duration_s=30.0)).open(Settings())
    assert next(chunks).duration == 10.0
    monkeypatch.setattr(capture, "duration", None)
    short = Bounded(_Silent(capture), path, Bounds(duration_s=15.0)).open(Settings())
    assert next(short).end == 10.0
    with pytest.raises(InputError, match="is longer than"):
        next(short)


def test_decoding_costs_so_much_and_no_more(flac: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="takes too long to decode"):
        heard(flac(), Bounds(cpu_s=0.0, cpu_factor=0.0))


class _Silent(FileCapture):
    """Does not say how long it is."""

    def __init__(self, capture: FileCapture) -> None:
        super().__init__(capture.options)

    def open(self, settings: Settings):  # type: ignore[no-untyped-def]
        chunks = super().open(settings)
        self.duration = None
        return chunks
