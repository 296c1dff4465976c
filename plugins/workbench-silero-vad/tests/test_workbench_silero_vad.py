"""Silero against its own package, on real speech where it is present."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench_silero_package as package
from workbench import Activity, AudioChunk, EngineError, MissingError, Samples, Settings
from workbench.events import SpeechEnded
from workbench.models import locate
from workbench.speech.segmenter import Segmenter, SegmenterOptions
from workbench.testing import assert_streams_are_independent, chunks, run
from workbench_silero_runtimes import FRAMES
from workbench_silero_vad import Silero

RATE = 16_000
FRAME = FRAMES[RATE]

AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO", Path(__file__).parents[4] / "shared" / "audio"))

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.load` is:DeprecationWarning")  # all that silero-vad ships


@cache
def speech(name: str, rate: int = RATE) -> Samples:
    import av

    path = AUDIO / name
    if not path.is_file():
        pytest.skip(f"test speech {path} is not here: set WORKBENCH_TEST_AUDIO")
    resampler = av.AudioResampler("flt", "mono", rate)
    with av.open(str(path)) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@cache
def meetings(rate: int) -> Samples:
    names = sorted(path.name for path in AUDIO.glob("meeting/*.wav"))
    return np.concatenate([speech(f"meeting/{name}", rate) for name in names or ["dev00.wav"]])


@cache
def minutes(rate: int) -> Samples:
    """Meetings, readings and calls: loud, soft and in noise, with pauses. Ends in silence, with a whole frame."""
    rng = np.random.default_rng(4)
    names = [
        f"{path.parent.name}/{path.name}" for path in sorted(AUDIO.glob("*/*")) if path.suffix in (".wav", ".flac")
    ]
    parts = []
    for index, name in enumerate(names or ["meeting/dev00.wav"]):
        samples = speech(name, rate)[: 20 * rate] * np.float32((1.0, 0.1, 0.4)[index % 3])
        noise = rng.normal(0, (0.0, 0.003, 0.02)[index // 3 % 3], len(samples)).astype(np.float32)
        parts += [samples + noise, np.zeros(rate * (index % 4) // 4, np.float32)]
    whole = np.concatenate(parts)
    return np.pad(whole, (0, rate + -(len(whole) + rate) % FRAMES[rate]))


@cache
def silero(backend: str = "onnx") -> Silero:
    return Silero(Silero.Options.model_validate({"backend": backend}))


@cache
def package_model(onnx: bool) -> Any:
    pytest.importorskip("torch", reason="torch is not installed: the package's model cannot run")
    silero_vad: Any = pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    return silero_vad.load_silero_vad(onnx=onnx)


def package_probabilities(samples: Samples, rate: int, onnx: bool) -> Samples:
    """What silero-vad itself says, frame by frame."""
    import torch

    with torch.inference_mode():
        return np.asarray(package_model(onnx).audio_forward(torch.from_numpy(samples), rate)[0])


def probabilities(activities: list[Activity]) -> Samples:
    return np.concatenate([activity.probabilities for activity in activities])


def random_chunks(
    samples: Samples, rng: np.random.Generator, longest: int = 3000, rate: int = RATE
) -> list[AudioChunk]:
    cuts = np.cumsum(rng.integers(0, longest, size=2 * len(samples) // longest + 8))
    parts = np.split(samples, cuts[cuts < len(samples)])
    starts = np.cumsum([0, *map(len, parts)])
    return [AudioChunk(part, rate, start / rate) for part, start in zip(parts, starts, strict=False)]


@pytest.mark.parametrize("rate", FRAMES)
@pytest.mark.parametrize(("backend", "onnx"), [("onnx", False), ("onnx", True), ("torch", False)])
def test_probabilities_equal_those_of_the_package(backend: str, onnx: bool, rate: int) -> None:
    package_model(onnx)
    expected = package_probabilities(meetings(rate), rate, onnx)
    got = probabilities(run(silero(backend), chunks(meetings(rate), rate, chunk_s=10.0)))
    assert len(got) == len(expected)
    assert np.abs(got - expected).max() <= 1e-5


@pytest.mark.parametrize("rate", FRAMES)
def test_decisions_equal_those_of_the_package_in_noise_too(rate: int) -> None:
    package_model(False)
    got = probabilities(run(silero(), chunks(minutes(rate), rate, chunk_s=10.0)))
    torch, onnx = (package_probabilities(minutes(rate), rate, onnx) for onnx in (False, True))
    for threshold in (0.35, 0.5):
        assert np.array_equal(got >= threshold, torch >= threshold)
    between = np.abs(torch - onnx).max()  # they are one network, and round differently
    assert np.abs(got - onnx).max() <= max(1e-5, between)


@pytest.mark.parametrize("rate", FRAMES)
def test_segments_equal_those_of_the_package(rate: int) -> None:
    package_model(False)
    from silero_vad.utils_vad import get_speech_timestamps_from_probs

    heard = package_probabilities(minutes(rate), rate, False).tolist()
    expected = get_speech_timestamps_from_probs(heard, rate, min_silence_duration_ms=300, speech_pad_ms=0)
    segmenter = Segmenter(SegmenterOptions(min_silence_ms=300, speech_pad_ms=0, max_speech_s=600.0))
    got = [
        {"start": round(event.start * rate), "end": round(event.end * rate)}
        for activity in run(silero(), chunks(minutes(rate), rate, chunk_s=0.5))
        for event in segmenter.process(activity)
        if isinstance(event, SpeechEnded)
    ]
    assert len(got) > 20
    assert got == expected


def test_forty_interleaved_streams_of_two_rates_equal_separate_runs_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    streams = []
    for index in range(40):
        rate = RATE if index % 3 else 8_000
        start = int(rng.integers(0, len(minutes(rate)) - 3 * rate))
        part = minutes(rate)[start : start + int(rng.integers(rate, 3 * rate))]
        exact = chunks(part, rate, chunk_s=0.032)
        streams.append(exact if index % 2 else random_chunks(part, rng, 3000, rate))
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
    whole = engine._networks[RATE]

    def breaks(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("out of memory")
        return whole(frames, memory)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_networks", {RATE: breaks})
        with pytest.raises(RuntimeError, match="out of memory"):
            engine.process_batch([(second, state), (AudioChunk(samples, RATE, 0.0), other)])
    assert calls == 2
    for chunk in (second, third, last):
        got += engine.process(chunk, state)
    got += engine.flush(state)
    assert np.array_equal(probabilities(got), expected)
    assert (other.memory, other.rest) == (None, b"")


def test_a_rate_that_the_network_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="not 44100 Hz"):
        silero().process(AudioChunk(np.zeros(800, np.float32), 44_100, 0.0), silero().open(Settings()))


def test_a_stream_keeps_its_rate() -> None:
    state, other = silero().open(Settings()), silero().open(Settings())
    first, second = chunks(speech("meeting/dev00.wav", 8_000)[:16_000], 8_000, chunk_s=1.0)
    list(silero().process(first, state))
    memory, rest = state.memory, state.rest
    with pytest.raises(ValueError, match="8000 Hz audio cannot go on at 16000 Hz"):
        silero().process_batch([(second, other), (AudioChunk(np.zeros(512, np.float32), RATE, 1.0), state)])
    assert (state.memory, state.rest) == (memory, rest)
    assert not other.sample_rate


def test_calls_at_once_on_one_engine_give_what_calls_in_turn_give() -> None:
    engine = Silero(Silero.Options(concurrency=4))
    assert engine.concurrency == 4
    streams = [chunks(minutes(rate)[: 10 * rate], rate) for rate in (16_000, 8_000)] * 3
    alone = [probabilities(run(engine, stream)) for stream in streams]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda stream: probabilities(run(engine, stream)), streams))
    assert all(map(np.array_equal, alone, together))


def test_a_stream_takes_less_than_8_kb() -> None:
    engine, count = silero(), 1000
    chunk = AudioChunk(np.full(1000, 0.01, np.float32), RATE, 0.0)  # as much as can be left over
    list(engine.process(chunk, engine.open(Settings())))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        states = [engine.open(Settings()) for _ in range(count)]
        engine.process_batch([(chunk, state) for state in states])
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used / count < 8_000


def installed(name: str) -> bytes:
    """A file of the package that is really installed."""
    import importlib.util

    for _, module in package.PACKAGES:
        spec = importlib.util.find_spec(module)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (path := Path(folder, "data", name)).is_file():
                return path.read_bytes()
    pytest.skip(f"no package here holds {name}")


def altered(name: str) -> bytes:
    """Weights of another release: the output layer, of both networks where there are two, is another."""
    import onnx

    model = onnx.load_model_from_string(installed(name))
    tensors = [*model.graph.initializer]
    graphs = [model.graph]
    while graphs:
        for node in graphs.pop().node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
                elif attribute.HasField("t"):
                    attribute.t.name = node.output[0]
                    tensors.append(attribute.t)
    changed = 0
    for tensor in tensors:
        if tensor.name.endswith(("decoder.2.weight", "output.weight")):
            weights = onnx.numpy_helper.to_array(tensor)
            tensor.raw_data = (weights * np.float32(0.5)).tobytes()
            changed += 1
    assert changed
    serialized: bytes = model.SerializeToString()
    return serialized


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, files: dict[str, bytes], damaged: tuple[str, ...] = ()
) -> None:
    """A release of silero-vad with these files, as pip leaves it; `damaged` ones are not what it recorded."""
    data, info = folder / "silero_vad" / "data", folder / "silero_vad-7.0.dist-info"
    data.mkdir(parents=True)
    info.mkdir()
    (data.parent / "__init__.py").touch()
    record = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"silero_vad/data/{name},sha256={digest},{len(content)}\n")
        (data / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if name in damaged else content)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: silero-vad\nVersion: 7.0\n")
    (info / "RECORD").write_text("".join(record))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(package, "PACKAGES", (("silero-vad==6.2.3", "silero_vad"),))
    monkeypatch.delitem(sys.modules, "silero_vad", raising=False)


def stepped(model: bytes, samples: Samples, rate: int) -> Samples:
    """What a package's model says, called as the package calls it."""
    import onnxruntime

    frame, context = FRAMES[rate], FRAMES[rate] // 8
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    state, padded, made = np.zeros((2, 1, 128), np.float32), np.pad(samples, (context, -len(samples) % frame)), []
    for start in range(0, len(padded) - context, frame):
        inputs = {"input": padded[None, start : start + context + frame], "state": state, "sr": np.array(rate)}
        probability, state = session.run(None, inputs)
        made.append(probability[0, 0])
    return np.array(made, np.float32)


@pytest.mark.parametrize("rate", FRAMES)
@pytest.mark.parametrize("with_sequence", [True, False])
def test_weights_that_are_not_known_run_as_their_package_has_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    with_sequence: bool,
    rate: int,
) -> None:
    samples = minutes(rate)[: 30 * rate]
    files = {"silero_vad.onnx": altered("silero_vad.onnx")}
    if with_sequence:
        files[package.SEQUENCE] = altered(package.SEQUENCE)
    expected = stepped(files["silero_vad.onnx"], samples, rate)
    known = probabilities(run(silero(), chunks(samples, rate)))
    install(monkeypatch, tmp_path, files)
    engine = Silero(Silero.resolve(Silero.Options(), Settings()))
    assert "not known" in caplog.text
    got = probabilities(run(engine, chunks(samples, rate)))
    assert np.abs(got - expected).max() <= 1e-6
    assert np.abs(got - known).max() > 0.1
    assert_streams_are_independent(
        engine, chunks(samples[: 2 * rate], rate), chunks(samples[2 * rate : 5 * rate], rate)
    )


def test_where_one_model_of_a_package_is_damaged_another_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = minutes(RATE)[: 30 * RATE]
    known = probabilities(run(silero(), chunks(samples)))
    files = {name: installed(name) for name in ("silero_vad.onnx", package.SEQUENCE)}
    install(monkeypatch, tmp_path, files, damaged=("silero_vad.onnx",))
    engine = Silero(Silero.Options())
    assert np.abs(probabilities(run(engine, chunks(samples))) - known).max() <= 1e-5
    with pytest.raises(ValueError, match="takes 16000 Hz"):
        engine.process(AudioChunk(np.zeros(256, np.float32), 8_000, 0.0), engine.open(Settings()))


def test_a_changed_model_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"silero_vad.onnx": (locate(Silero.models()[0]) / "silero_vad.onnx").read_bytes()}
    install(monkeypatch, tmp_path, files, damaged=("silero_vad.onnx",))
    with pytest.raises(EngineError, match=r"silero_vad\.onnx") as caught:
        Silero(Silero.Options())
    assert "pip install" in caught.value.hint


def test_a_release_whose_model_cannot_be_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, {"silero_vad.onnx": b"something else"})
    with pytest.raises(EngineError, match="does not run") as caught:
        Silero(Silero.Options())
    assert "pip install" in caught.value.hint


def test_a_missing_model_is_named_before_anything_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PACKAGES", (("no-such==1", "no_such_package"),))
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
