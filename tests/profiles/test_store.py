from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from workbench.errors import OutputError, ProfileError, UsageError
from workbench.profiles import store
from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.optimizer import CoreOptimizer
from workbench.profiles.schema import Hardware, Profile, parse_profile

ROOT = Path(__file__).parents[2]
PRESETS = ["apple-silicon", "cpu", "laptop-gpu", "workstation-gpu"]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("WORKBENCH_PROFILE", raising=False)
    return tmp_path / "config"


def profile(name: str = "mine", cpu_threads: int | None = None) -> Profile:
    return Profile(schema=1, name=name, hardware=Hardware(cpu_threads=cpu_threads))


def test_the_presets_are_there_and_can_be_read() -> None:
    assert [entry.name for entry in store.entries()] == PRESETS
    assert all(entry.is_preset for entry in store.entries())
    assert [store.load(name).name for name in PRESETS] == PRESETS


def test_what_is_written_is_read_back_and_listed(config: Path) -> None:
    path = store.write(profile(cpu_threads=4), "mine")
    assert path == config / "profiles" / "mine.toml"
    assert store.load("mine").to_dict() == {"schema": 1, "name": "mine", "hardware": {"cpu_threads": 4}}
    assert [entry.name for entry in store.entries()] == sorted([*PRESETS, "mine"])


def test_what_is_there_is_overwritten_only_by_force() -> None:
    store.write(profile(cpu_threads=4), "mine")
    with pytest.raises(UsageError, match="is there already") as caught:
        store.write(profile(cpu_threads=8), "mine")
    assert "--force" in caught.value.hint
    assert store.load("mine").hardware.cpu_threads == 4
    store.write(profile(cpu_threads=8), "mine", force=True)
    assert store.load("mine").hardware.cpu_threads == 8


def test_nothing_is_left_behind_where_nothing_can_be_written(config: Path) -> None:
    config.write_text("a file, no folder")
    with pytest.raises(OutputError):
        store.write(profile(), "mine")
    assert config.read_text() == "a file, no folder"


def test_a_preset_is_hidden_by_the_users_own_of_that_name() -> None:
    store.write(profile(cpu_threads=4), "cpu")
    assert [entry.is_preset for entry in store.entries() if entry.name == "cpu"] == [False]
    assert store.load("cpu").hardware.cpu_threads == 4


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "-x", ".hidden", "x" * 65, "a\0b", "CON", "nul.x", "com1", "x.", "a b", "ä",
     "auto", "x\n"],
)  # fmt: skip
def test_a_name_that_is_no_plain_file_name_is_refused(name: str, config: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        store.write(profile(), name)
    assert not config.exists()


def test_a_name_that_is_not_known_says_what_is_meant() -> None:
    with pytest.raises(UsageError, match="did you mean 'laptop-gpu'"):
        store.load("laptop-gup")


def test_the_path_of_a_file_is_taken_wherever_a_name_is(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(store.dumps(profile("other")))
    assert store.load(str(path)).name == "other"
    store.use(str(path))
    assert store.current().name == "other"
    with pytest.raises(UsageError, match="no such file"):
        store.load(str(tmp_path / "none.toml"))


def test_flag_comes_before_environment_before_choice_before_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.current().name == store.AUTO
    assert store.current_name()[1] == "no choice was made"
    store.use("cpu")
    assert store.current().name == "cpu"
    monkeypatch.setenv("WORKBENCH_PROFILE", "laptop-gpu")
    assert store.current().name == "laptop-gpu"
    assert store.current_name() == ("laptop-gpu", "WORKBENCH_PROFILE")
    assert store.current("workstation-gpu").name == "workstation-gpu"


def test_choosing_keeps_the_other_choices(config: Path) -> None:
    config.mkdir()
    (config / "config.toml").write_text('disabled_plugins = ["shout"]\n')
    store.use("cpu")
    store.use("auto")
    assert tomllib.loads((config / "config.toml").read_text()) == {"disabled_plugins": ["shout"], "profile": "auto"}
    assert store.current().name == store.AUTO


def test_a_profile_with_mistakes_cannot_be_chosen(config: Path) -> None:
    (config / "profiles").mkdir(parents=True)
    (config / "profiles" / "bad.toml").write_text("schema = 2")
    with pytest.raises(ProfileError):
        store.use("bad")
    assert not (config / "config.toml").exists()


def test_a_broken_choice_is_said_with_its_file(config: Path) -> None:
    config.mkdir()
    (config / "config.toml").write_text("profile = ")
    with pytest.raises(UsageError, match=r"config\.toml"):
        store.current()


def test_a_chosen_profile_that_is_gone_is_said() -> None:
    store.write(profile(), "mine")
    store.use("mine")
    store.user_path("mine").unlink()
    with pytest.raises(UsageError, match="no profile is called 'mine'"):
        store.current()


def test_without_a_gpu_no_batches_are_proposed() -> None:
    machine = HardwareInfo(cpu_cores=16, cpu_threads=32, memory_total_mb=64000, memory_available_mb=60000)
    proposed = store.propose(machine)
    assert proposed.asr
    assert "batch_size" not in proposed.asr.options


def test_what_the_optimizer_proposes_is_a_valid_profile_that_names_its_engines() -> None:
    gpu = HardwareInfo(
        gpu_count=2,
        gpu_memory_mb=(24564, 24564),
        gpu_names=("A", "B"),
        cuda_available=True,
        cpu_cores=16,
        cpu_threads=32,
        memory_total_mb=64000,
        memory_available_mb=60000,
    )
    proposed = store.propose(gpu)
    assert store.diff(parse_profile(store.dumps(proposed)), proposed) == []
    assert proposed.asr
    assert (proposed.asr.engine, proposed.asr.instances.max) == ("faster-whisper", 1)
    assert proposed.asr.options["batch_size"] == CoreOptimizer().plan(gpu).batch_size > 1
    assert (proposed.asr.options["model"], proposed.asr.options["compute_type"]) == ("auto", "float16")
    assert (proposed.hardware.cpu_affinity, proposed.hardware.gpu_memory_gib) == ("half", 24.0)
    assert proposed.jobs.files_at_once == CoreOptimizer().plan(gpu).files_at_once


def test_only_unusual_engines_are_written_down_so_that_a_missing_plugin_has_a_stand_in() -> None:
    hardware = HardwareInfo(cpu_cores=8)
    assert list(store.propose(hardware).stages()) == ["asr"]
    assert list(store.propose(hardware, engines={"vad": "energy", "asr": "other"}).stages()) == ["vad", "asr"]


def test_a_process_that_recognizes_on_the_cpu_is_not_bound() -> None:
    assert store.propose(HardwareInfo(cpu_cores=8, cpu_threads=16)).hardware.cpu_affinity == "none"


def test_a_difference_is_told_key_by_key_with_defaults_filled_in() -> None:
    left = parse_profile('schema = 1\nname = "a"\n[asr]\nengine = "x"\noptions.beam = 1\n')
    right = parse_profile('schema = 1\nname = "b"\n[asr]\nengine = "x"\noptions.beam = 2\nisolation = "thread"\n')
    assert store.diff(left, right) == [store.Difference("asr.options.beam", 1, 2)]
    assert store.diff(left, left) == []


@pytest.mark.timeout(60)
def test_presets_come_along_in_a_wheel(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("workbench", "profiles"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    code = f"import sys; sys.path.insert(0, {str(installed)!r})\n" + (
        "import workbench; from workbench.profiles import store; print(workbench.__file__)\n"
        "print([entry.name for entry in store.entries()])"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert run.stdout.splitlines() == [str(installed / "workbench" / "__init__.py"), str(PRESETS)]


COMMENTED = """\
# mine
schema = 1
name = "mine" # a name

[asr] # ears
engine = "faster-whisper"

[asr.options]
model = "tiny" # small enough
beam_size = 2
# the end
"""


def test_a_stage_is_changed_and_all_other_lines_stay_as_they_are() -> None:
    changed = store.with_stage(COMMENTED, "asr", "faster-whisper", {"model": "base", "concurrency": 2})
    expected = COMMENTED.replace('"tiny" # small enough', '"base" # small enough')
    assert changed.replace("concurrency = 2\n", "") == expected.replace("beam_size = 2\n", "")
    options = parse_profile(changed).stages()["asr"].options
    assert options == {"model": "base", "concurrency": 2}


def test_another_engine_without_options_takes_a_stages_place() -> None:
    changed = parse_profile(store.with_stage(COMMENTED, "asr", "other", {}))
    assert changed.asr is not None
    assert (changed.asr.engine, changed.asr.options) == ("other", {})


def test_a_stage_that_was_not_there_is_added() -> None:
    text = store.with_stage(COMMENTED, "vad", "silero", {"threshold": 0.4, "gate": True})
    assert text.startswith(COMMENTED)
    vad = parse_profile(text).vad
    assert vad is not None
    assert vad.options == {"threshold": 0.4, "gate": True}


def test_a_stage_of_an_own_profile_is_saved_in_its_file() -> None:
    path = store.write_text("mine", COMMENTED)
    before = store.load("mine")
    assert store.own_file(before) == path
    saved = store.save_stage(before, path, "asr", "faster-whisper", {"model": "base"})
    assert saved.source == str(path)
    assert store.with_engine(before, "asr", "faster-whisper", {"model": "base"}).to_dict() == saved.to_dict()
    assert "# small enough" in path.read_text()
    assert store.current_name()[0] == "auto"


def test_of_a_preset_a_copy_is_saved_and_used_from_then_on() -> None:
    preset = store.load("cpu")
    assert store.own_file(preset) is None
    saved = store.save_stage(preset, store.new_path("mine"), "vad", "energy", {})
    assert (saved.name, saved.stages()["vad"].engine) == ("mine", "energy")
    assert saved.stages()["asr"] == preset.stages()["asr"]
    assert store.current_name()[0] == "mine"
    with pytest.raises(UsageError, match="is there already"):
        store.new_path("mine")
