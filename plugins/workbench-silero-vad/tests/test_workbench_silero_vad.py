"""Silero against its own package, on real speech where it is present."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench_silero_vad
from workbench import Activity, AudioChunk, EngineError, MissingError, Samples, Settings
from workbench.models import locate
from workbench.testing import assert_streams_are_independent, chunks, run
from workbench_silero_vad import FRAME, RATE, Silero

AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO", Path(__file__).parents[4] / "shared" / "audio"))

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.load` is:DeprecationWarning")  # all that silero-vad ships


@cache
def speech(name: str) -> Samples:
    import av

    path = AUDIO / name
    if not path.is_file():
        pytest.skip(f"test speech {path} is not here: set WORKBENCH_TEST_AUDIO")
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(path)) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@cache
def meetings() -> list[Samples]:
    names = sorted(path.name for path in AUDIO.glob("meeting/*.wav"))
    return [speech(f"meeting/{name}") for name in names] or [speech("meeting/dev00.wav")]


@cache
def silero(backend: str = "onnx") -> Silero:
    return Silero(Silero.Options.model_validate({"backend": backend}))


@cache
def package_probabilities(index: int) -> Samples:
    """What silero-vad itself says, frame by frame, with its TorchScript model."""
    torch: Any = pytest.importorskip("torch", reason="torch is not installed: the package's model cannot run")
    package: Any = pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    with torch.inference_mode():
        return np.asarray(package.load_silero_vad().audio_forward(torch.from_numpy(meetings()[index]), RATE)[0])


def probabilities(activities: list[Activity]) -> Samples:
    return np.concatenate([activity.probabilities for activity in activities])


def random_chunks(samples: Samples, rng: np.random.Generator, longest: int = 3000) -> list[AudioChunk]:
    cuts = np.cumsum(rng.integers(0, longest, size=2 * len(samples) // longest + 8))
    parts = np.split(samples, cuts[cuts < len(samples)])
    starts = np.cumsum([0, *map(len, parts)])
    return [AudioChunk(part, RATE, start / RATE) for part, start in zip(parts, starts, strict=False)]


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_probabilities_equal_the_package_on_meetings(backend: str) -> None:
    for index, samples in enumerate(meetings()):
        expected = package_probabilities(index)
        got = probabilities(run(silero(backend), chunks(samples, chunk_s=10.0)))
        assert len(got) == len(expected)
        assert np.abs(got - expected).max() <= 1e-5
        assert np.array_equal(got >= 0.5, expected >= 0.5)


def test_forty_interleaved_streams_equal_separate_runs_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    whole = np.concatenate(meetings())
    streams = []
    for _ in range(40):
        start = int(rng.integers(0, len(whole) - 3 * RATE))
        streams.append(random_chunks(whole[start : start + int(rng.integers(RATE, 3 * RATE))], rng))
    alone = [probabilities(run(silero(), stream)) for stream in streams]
    states = [silero().open(Settings()) for _ in streams]
    made: list[list[Activity]] = [[] for _ in streams]
    queues = [list(stream) for stream in streams]
    while ready := [i for i, queue in enumerate(queues) if queue]:
        batch = [i for i in ready if rng.random() < 0.6]
        for i, result in zip(
            batch, silero().process_batch([(queues[i].pop(0), states[i]) for i in batch]) if batch else [], strict=True
        ):
            made[i].extend(result)
    for state, activities in zip(states, made, strict=True):
        activities.extend(silero().flush(state))
    for expected, activities in zip(alone, made, strict=True):
        assert np.array_equal(expected, probabilities(activities))


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_two_streams_do_not_hear_each_other(backend: str) -> None:
    first, second = (
        chunks(samples[: 2 * RATE]) for samples in (speech("meeting/dev00.wav"), speech("meeting/dev01.wav"))
    )
    assert_streams_are_independent(silero(backend), first, second)


def test_one_long_chunk_equals_many_small_ones_bit_for_bit() -> None:
    samples = speech("meeting/dev00.wav")
    whole = run(silero(), [AudioChunk(samples, RATE, 0.0)])
    small = run(silero(), chunks(samples, chunk_s=0.032))
    assert np.array_equal(probabilities(whole), probabilities(small))


def test_activities_lie_where_their_audio_was() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 0.01, 5 * RATE).astype(np.float32)
    stream = [AudioChunk(c.samples, RATE, 100.0 + c.start) for c in random_chunks(samples, rng, 1500)]
    activities = run(silero(), stream)
    frames = 0
    for activity in activities:
        assert activity.start == pytest.approx(100.0 + frames * FRAME / RATE, abs=1e-9)
        frames += len(activity.probabilities)
    assert frames == -(-len(samples) // FRAME)


def test_a_chunk_that_completes_no_frame_gives_nothing_yet() -> None:
    state = silero().open(Settings())
    assert list(silero().process(AudioChunk(np.zeros(0, np.float32), RATE, 3.0), state)) == []
    assert list(silero().process(AudioChunk(np.zeros(500, np.float32), RATE, 3.0), state)) == []
    (activity,) = silero().process(AudioChunk(np.zeros(12, np.float32), RATE, 3.0 + 500 / RATE), state)
    assert (activity.start, len(activity.probabilities)) == (3.0, 1)
    assert list(silero().flush(state)) == []


def test_a_failed_batch_leaves_every_state_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = silero()
    samples = speech("meeting/dev00.wav")[: 4 * RATE]
    expected = probabilities(run(engine, chunks(samples, chunk_s=1.0)))
    first, second, third, last = chunks(samples, chunk_s=1.0)
    state, other = engine.open(Settings()), engine.open(Settings())
    got = list(engine.process(first, state))
    calls = 0
    whole = engine._network

    def breaks(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("out of memory")
        return whole(frames, memory)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_network", breaks)
        with pytest.raises(RuntimeError, match="out of memory"):
            engine.process_batch([(second, state), (AudioChunk(samples, RATE, 0.0), other)])
    assert calls == 2
    for chunk in (second, third, last):
        got += engine.process(chunk, state)
    got += engine.flush(state)
    assert np.array_equal(probabilities(got), expected)
    assert not other.memory.any()


def test_audio_at_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 Hz"):
        silero().process(AudioChunk(np.zeros(800, np.float32), 8000, 0.0), silero().open(Settings()))


def fake_package(folder: Path, content: bytes) -> None:
    data = folder / "silero_vad" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    (data / "silero_vad.onnx").write_bytes(content)


def test_a_changed_model_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = (locate(Silero.models()[0]) / "silero_vad.onnx").read_bytes()
    fake_package(tmp_path, genuine[:-1] + bytes([genuine[-1] ^ 1]))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(workbench_silero_vad, "_PACKAGES", (("silero-vad==6.2.3", "silero_vad"),))
    monkeypatch.delitem(sys.modules, "silero_vad", raising=False)
    with pytest.raises(EngineError, match=r"silero_vad\.onnx") as caught:
        Silero(Silero.Options())
    assert "pip install" in caught.value.hint


def test_a_missing_model_is_named_before_anything_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench_silero_vad, "_PACKAGES", (("no-such==1", "no_such_package"),))
    with pytest.raises(MissingError, match=r"silero_vad\.onnx is not installed") as caught:
        Silero.resolve(Silero.Options(), Settings())
    assert "[light]" in caught.value.hint


def test_the_onnx_backend_never_imports_torch() -> None:
    code = """
import sys, numpy as np, workbench_silero_vad as plugin
from workbench import AudioChunk, Settings
assert "onnxruntime" not in sys.modules and "onnx" not in sys.modules
options = plugin.Silero.Options()
engine = plugin.Silero(plugin.Silero.resolve(options, Settings()))
(activity,) = engine.process(AudioChunk(np.zeros(16_000, np.float32), 16_000, 0.0), engine.open(Settings()))
assert len(activity.probabilities) == 31
assert "torch" not in sys.modules and "silero_vad" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
