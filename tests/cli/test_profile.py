from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from workbench.cli import profile
from workbench.errors import ProfileError, UsageError
from workbench.profiles import store
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.schema import Profile, parse_profile

BIG = HardwareInfo(
    gpu_count=1,
    gpu_memory_mb=(24564,),
    gpu_memory_free_mb=(24000,),
    gpu_names=("RTX 4090",),
    gpu_capability=(8.9,),
    cuda_available=True,
    driver="550.54",
    cpu_name="Ryzen 9",
    cpu_cores=16,
    cpu_threads=32,
    cpu_features=("avx", "avx2"),
    memory_total_mb=32768,
    memory_available_mb=28672,
    temp_space_available_gb=120,
    data_space_available_gb=500,
)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CONFIG_DIR", str(tmp_path / "config"))
    for variable in ("WORKBENCH_PROFILE", "VISUAL", "EDITOR"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "config"


@pytest.fixture
def big_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CoreHardwareDetector, "detect", lambda self: BIG)


def run(*arguments: str) -> Result:
    """What it prints; an error goes on as the exception it is."""
    result = CliRunner().invoke(profile.app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """An editor that runs `code` on the `text` of the file."""
    script = tmp_path / "editor.py"
    script.write_text(
        f"import sys\npath = sys.argv[1]\ntext = open(path).read()\n{code}\nopen(path, 'w').write(text)\n"
    )
    monkeypatch.setenv("EDITOR", shlex.join([sys.executable, str(script)]))


def test_detect_tells_the_hardware_and_what_suits_it(big_machine: None) -> None:
    lines = run("detect").stdout.splitlines()
    assert [line for line in lines if not line.startswith("    ")] == [
        "Hardware found:",
        "- GPU: RTX 4090 (24 GB of memory, 23 GB free)",
        "- CPU: 16 cores / 32 threads (Ryzen 9, AVX2)",
        "- Memory: 32 GB in total, 28 GB available",
        "- Storage: 500 GB available, and for temporary files 120 GB",
        "",
        "Settings for it:",
        "- Batch size: 8",
        "- Concurrency: 4",
        "- Instances: 1",
        "- Memory mapping: no",
        "- CPU affinity: cores 0-7",
        "- Device: cuda",
        "- Model: large-v3",
        "- Compute type: float16",
        "- Threads per call: 2",
        "- Files at once: 6",
    ]
    assert len([line for line in lines if line.startswith("    ")]) == 10, "a reason for each"


def test_detect_gives_json_with_a_reason_for_each_value() -> None:
    found = json.loads(run("detect", "--json").stdout)
    assert list(found) == ["hardware", "optimized", "reasons"]
    assert found["hardware"]["cpu_threads"] >= found["hardware"]["cpu_cores"] >= 1
    assert found["reasons"].keys() == found["optimized"].keys()
    wanted = "batch_size concurrency memory_mapping cpu_affinity device model compute_type files_at_once"
    assert set(wanted.split()) <= found["optimized"].keys()


def test_detect_writes_a_profile_that_can_be_used(big_machine: None, config: Path) -> None:
    result = run("detect", "--write", "mine")
    assert "workbench profile use mine" in result.stderr
    assert parse_profile((config / "profiles" / "mine.toml").read_text()).hardware.cpu_affinity == "half"
    with pytest.raises(UsageError, match="is there already"):
        run("detect", "--write", "mine")
    assert json.loads(run("detect", "--write", "mine", "--force", "--json").stdout)["written"].endswith("mine.toml")
    store.use("mine")
    assert "* mine" in run("list").stdout
    assert run("diff").stdout == "", "what was detected and what is detected are the same"


def test_what_could_not_be_found_out_is_said_beside_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CoreHardwareDetector, "detect", lambda self: HardwareInfo(problems=("GPU: broken",)))
    result = run("detect", "--json")
    assert "could not find out: GPU: broken" in result.stderr
    assert json.loads(result.stdout)["hardware"]["problems"] == ["GPU: broken"]


def test_list_marks_the_current_profile() -> None:
    assert run("list").stdout.splitlines()[0].startswith("* auto")
    store.write(Profile(schema=1, name="mine"), "mine")
    run("use", "mine")
    assert [row["name"] for row in json.loads(run("list", "--json").stdout) if row["current"]] == ["mine"]


def test_list_names_a_profile_that_was_chosen_by_path(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('schema = 1\nname = "x"\n')
    run("use", str(path))
    assert f"* {path}" in run("list").stdout


def test_show_prints_toml_that_can_be_read_again() -> None:
    assert parse_profile(run("show", "cpu").stdout).name == "cpu"
    assert json.loads(run("show", "--json").stdout)["name"] == "auto"


def test_show_warns_of_another_machines_profile() -> None:
    assert "cannot run here" in run("show", "laptop-gpu").stderr or CoreHardwareDetector().detect().cuda_available


def test_use_says_when_the_environment_still_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_PROFILE", "laptop-gpu")
    assert "WORKBENCH_PROFILE=laptop-gpu still comes first" in run("use", "auto").stderr


def test_use_refuses_a_profile_with_mistakes_and_tells_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        'schema = 1\nname = "x"\n[vad]\nengine = "energy"\noptions = { pad = 1 }\n[asr]\nengine = "nobody"\n'
    )
    with pytest.raises(ProfileError) as caught:
        run("use", str(path))
    assert caught.value.exit_code == 2
    assert [problem.removeprefix(str(path))[:30] for problem in caught.value.problems] == [
        ":5: vad.options.pad: unknown o",
        ":7: asr.engine: no asr engine ",
    ]
    path.write_text("colour = 1\n" + path.read_text())
    with pytest.raises(ProfileError) as caught:
        run("use", str(path))
    assert len(caught.value.problems) == 3, "those of its shape as well"
    assert store.current_name()[0] == "auto"


def test_diff_compares_key_by_key() -> None:
    assert 'asr.options.device: "cpu" -> "cuda"' in run("diff", "cpu", "laptop-gpu").stdout.splitlines()
    found = json.loads(run("diff", "cpu", "laptop-gpu", "--json").stdout)
    assert {"key": "asr.options.device", "left": "cpu", "right": "cuda"} in found["differences"]


def test_edit_takes_over_what_is_right_and_keeps_comments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store.write(Profile(schema=1, name="mine"), "mine")
    editor(monkeypatch, tmp_path, "text += '# a comment\\n[settings]\\nlanguage = \"en\"\\n'")
    run("edit", "mine")
    assert store.load("mine").settings.language == "en"
    assert "# a comment" in store.user_path("mine").read_text()
    assert [path.name for path in store.user_dir().iterdir()] == ["mine.toml"]


def test_edit_of_a_preset_makes_a_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    editor(monkeypatch, tmp_path, "text = 'schema = 1\\nname = \"cpu\"\\n'")
    run("edit", "cpu")
    assert store.load("cpu").asr is None
    assert (store.presets_dir() / "cpu.toml").read_text().startswith("# For a machine of four cores")


def test_edit_keeps_the_old_profile_and_the_draft_when_there_are_mistakes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = store.write(Profile(schema=1, name="mine"), "mine").read_text()
    editor(monkeypatch, tmp_path, "text += 'colour = 1\\n[asr]\\nengine = \"nobody\"\\n'")
    with pytest.raises(ProfileError) as caught:
        run("edit", "mine")
    assert caught.value.problems[0].endswith(":3: colour: unknown key")
    assert store.user_path("mine").read_text() == before
    editor(monkeypatch, tmp_path, "text = text.replace('colour = 1\\n', '')")
    with pytest.raises(ProfileError) as caught:
        run("edit", "mine")
    assert "no asr engine is called 'nobody'" in caught.value.problems[0]
    editor(monkeypatch, tmp_path, "text = text.replace('[asr]\\nengine = \"nobody\"', '[settings]\\nvoice = \"x\"')")
    assert "going on with the draft" in run("edit", "mine").stderr
    assert store.load("mine").settings.voice == "x"


def test_an_editor_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    editor(monkeypatch, tmp_path, "sys.exit(3)")
    with pytest.raises(UsageError, match="failed"):
        run("edit", "cpu")
    assert not store.user_path("cpu").exists()


def test_an_editor_that_is_not_there_is_named_and_no_draft_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(Profile(schema=1, name="mine"), "mine")
    monkeypatch.setenv("EDITOR", "nosuch --wait")
    with pytest.raises(UsageError) as caught:
        run("edit", "mine")
    assert (caught.value.message, caught.value.exit_code) == ("the editor 'nosuch' was not found", 2)
    assert caught.value.hint == "Set $VISUAL or $EDITOR."
    assert [path.name for path in store.user_dir().iterdir()] == ["mine.toml"]


def test_detection_as_a_process_takes_half_a_second_and_imports_nothing_heavy() -> None:
    """The process's own time, start included: what others do on this machine meanwhile does not count."""
    code = (
        "import sys, time; from workbench.cli.profile import app; app(['detect', '--json'], standalone_mode=False);"
        "heavy = ('torch', 'textual', 'faster_whisper', 'numpy', 'onnxruntime');"
        "print(time.process_time(), [m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, imported = run.stderr.split(" ", 1)
    assert imported.strip() == "[]"
    assert float(seconds) <= 0.5
