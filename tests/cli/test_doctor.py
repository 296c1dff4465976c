from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

import workbench
from benchmarks.sound import SoundServer
from workbench import doctor as checks
from workbench import plugins
from workbench.audio import portaudio
from workbench.cli.doctor import doctor
from workbench.errors import MissingError
from workbench.models import Model, Package
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo

HEALTHY = HardwareInfo(
    cpu_cores=2,
    cpu_threads=2,
    memory_total_mb=8000,
    memory_available_mb=6000,
    temp_space_available_gb=50,
    data_space_available_gb=50,
)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name))
    monkeypatch.delenv("WORKBENCH_PROFILE", raising=False)
    monkeypatch.setattr(CoreHardwareDetector, "detect", lambda self: HEALTHY)
    return tmp_path


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, arguments)


def check(name: str) -> dict[str, Any]:
    (found,) = [c for c in json.loads(run("--json").stdout)["checks"] if c["name"] == name]
    assert isinstance(found, dict)
    return found


def machine(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    found = HardwareInfo(**{name: getattr(HEALTHY, name) for name in HEALTHY.to_dict()} | values)
    monkeypatch.setattr(CoreHardwareDetector, "detect", lambda self: found)


def test_everything_is_examined_within_3_seconds() -> None:
    begin = time.perf_counter()
    result = run("--json")
    assert time.perf_counter() - begin <= 3
    found = json.loads(result.stdout)
    names = {c["name"] for c in found["checks"]}
    assert names >= {"python", "plugins", "vad engines", "asr engines", "profile", "memory", "disk", "folders", "gpu"}
    assert sum(found["summary"].values()) == len(found["checks"])


def test_the_exit_code_is_1_only_when_something_fails() -> None:
    result = run("--json")
    assert result.exit_code == (1 if json.loads(result.stdout)["summary"]["fail"] else 0)


def test_whatever_is_not_ok_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "load", lambda disabled: plugins.Registry())
    machine(monkeypatch, memory_available_mb=100, data_space_available_gb=0, temp_space_available_gb=1)
    for found in json.loads(run("--json").stdout)["checks"]:
        if found["status"] != "ok":
            assert found["fix"], found


def test_a_plugin_that_does_not_load_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = plugins.Registry([plugins.Plugin("bad", "workbench-bad", "1.0", "ImportError: no libfoo")])
    monkeypatch.setattr(plugins, "load", lambda disabled: registry)
    found = check("plugins")
    assert (found["status"], found["fix"]) == ("warn", "pip install --upgrade workbench-bad")
    assert "ImportError: no libfoo" in found["message"]


def test_without_a_recognizer_nothing_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "load", lambda disabled: plugins.Registry())
    assert check("asr engines")["status"] == "fail"
    assert run().exit_code == 1


def test_a_recognizer_that_is_disabled_is_not_installed_again_but_taken_up(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "CONFIG").mkdir()
    (folders / "CONFIG" / "config.toml").write_text('disabled_plugins = ["faster-whisper"]\n')
    plugin = plugins.Plugin("faster-whisper", "workbench-faster-whisper", "1", plugins.DISABLED)
    monkeypatch.setattr(plugins, "load", lambda disabled: plugins.Registry([plugin]))
    assert check("asr engines")["fix"].endswith("workbench plugins --enable faster-whisper")
    assert check("vad engines")["fix"].startswith("pip install ")


def test_an_engine_without_its_weights_is_a_warning_and_a_recognizer_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lacking(base: Any, kind: str) -> Any:
        package = Package((f"weights-of-{kind}==1",), ())
        model = Model(
            name="m", engine=kind, languages=(), license="MIT", size=1, memory_mb=1, files=("x",), packages=(package,)
        )
        members = {"name": kind, "models": classmethod(lambda cls: (model,)), "__abstractmethods__": frozenset()}
        return type(kind, (base,), members)

    plugin = plugins.Plugin("test", "test", "1")
    engines = [lacking(workbench.Detector, "vad"), lacking(workbench.Recognizer, "asr")]
    registry = plugins.Registry([plugin], [plugins.Registration(engine, plugin) for engine in engines])
    monkeypatch.setattr(plugins, "load", lambda disabled: registry)
    monkeypatch.setattr("workbench.models.present", lambda model: None)
    found = [c for c in json.loads(run("--json").stdout)["checks"] if c["name"] == "models"]
    assert [(c["status"], c["fix"]) for c in found] == [
        ("warn", "pip install weights-of-vad==1"),
        ("fail", "pip install weights-of-asr==1"),
    ]


def test_little_disk_is_a_warning_and_none_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, data_space_available_gb=1, temp_space_available_gb=0)
    assert check("disk")["status"] == "warn"
    assert check("temporary disk")["status"] == "fail"


def test_too_little_memory_for_any_model_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, memory_available_mb=300)
    assert check("memory")["status"] == "fail"


def test_a_folder_that_is_a_file_is_a_failure(folders: Path) -> None:
    (folders / "STATE").write_text("")
    found = check("folders")
    assert (found["status"], "WORKBENCH_STATE_DIR" in found["fix"]) == ("fail", True)


def test_a_profile_with_mistakes_is_a_failure_that_names_them(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folders / "bad.toml"
    path.write_text('schema = 1\nname = "bad"\ncolor = 1\n')
    monkeypatch.setenv("WORKBENCH_PROFILE", str(path))
    found = check("profile")
    assert found["status"] == "fail"
    assert ":3: color: unknown key" in found["message"]


def test_a_gpu_that_cannot_be_used_says_what_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = {"gpu_count": 1, "gpu_names": ("RTX 4090",), "gpu_memory_mb": (24564,)}
    machine(monkeypatch, **gpu)
    assert "driver library does not load" in check("gpu")["message"]
    monkeypatch.setattr(checks, "_cublas_there", lambda: False)
    machine(monkeypatch, **gpu, cuda_available=True)
    assert "nvidia-cublas-cu12" in check("gpu")["fix"]
    monkeypatch.setattr(checks, "_cublas_there", lambda: True)
    assert check("gpu")["status"] == "ok"


def test_a_check_that_breaks_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("oh")

    monkeypatch.setattr(checks, "_PARTS", (broken,))
    assert check("broken")["message"] == "the check itself broke: RuntimeError: oh"


def test_the_users_home_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert str(tmp_path) not in run("--json").stdout
    assert "~" in check("folders")["message"]


def test_the_microphone_is_named_with_its_rate(sound_server: SoundServer) -> None:
    sound_server.load("desk", 48_000)
    sound_server.load("phone", 16_000)
    found = check("microphone")
    assert (found["status"], found["fix"]) == ("ok", "")
    assert found["message"] == "Monitor of phone Speaker (16000 Hz, PulseAudio), and 1 more"


def test_no_microphone_is_a_warning_that_says_what_to_look_at(sound_server: SoundServer) -> None:
    found = check("microphone")
    assert found["status"] == "warn"
    assert "libasound2-plugins" in found["fix"]


def test_without_portaudio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise MissingError("PortAudio is not on this machine", hint="sudo apt-get install libportaudio2")

    monkeypatch.setattr(portaudio, "load", load)
    found = check("microphone")
    assert (found["status"], found["fix"]) == ("warn", "sudo apt-get install libportaudio2")
    assert "files still work" in found["message"]
