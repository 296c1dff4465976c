from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import workbench
from workbench import models
from workbench.cli import console
from workbench.cli.models import models as command
from workbench.cli.models import rows
from workbench.plugins import Plugin, Registration, Registry

WEIGHTS = b"weights"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


def model(name: str, sha256: str = SHA256) -> models.Model:
    file = models.ModelFile("model.bin", len(WEIGHTS), sha256, (f"{name}_here/model.bin",))
    return models.Model(
        name=name,
        engine="fake",
        languages=("en",),
        license="MIT",
        size=7_000_000,
        memory_mb=20,
        files=("model.bin",),
        packages=(models.Package((f"{name}==1.0",), (file,)),),
    )


class Fake(workbench.Recognizer):
    name = "fake"

    @classmethod
    def models(cls) -> tuple[models.Model, ...]:
        return (model("good"), model("bad", "0" * 64), model("away"))

    def process(self, item: workbench.Window, state: workbench.Settings) -> tuple[workbench.Transcript, ...]:
        return ()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An engine with three models, of which two are installed and one of these is damaged."""
    for name in ("good", "bad"):
        (tmp_path / f"{name}_here").mkdir()
        (tmp_path / f"{name}_here/model.bin").write_bytes(WEIGHTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("WORKBENCH_CACHE_DIR", str(tmp_path / "cache"))
    registry = Registry(registrations=[Registration(Fake, Plugin("fake", "fake", "1"))])
    monkeypatch.setattr(console, "registry", lambda: registry)
    return registry


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_rows_say_what_is_here_and_where_from(registry: Registry) -> None:
    found = {row["name"]: row for row in rows(registry)}
    assert {name: row["where"] for name, row in found.items()} == {
        "good": "package good",
        "bad": "package bad",
        "away": None,
    }
    assert found["good"]["license"] == "MIT"
    assert found["good"]["packages"] == [["good==1.0"]]


def test_the_right_are_told_from_the_damaged(registry: Registry) -> None:
    found = {row["name"]: row for row in rows(registry)}
    assert {name: row["verified"] for name, row in found.items()} == {"good": True, "bad": False, "away": None}
    assert "pip install --force-reinstall --no-deps bad==1.0" in found["bad"]["error"]
    assert found["good"]["error"] == ""


def test_without_verification_nothing_is_said_of_hashes(registry: Registry) -> None:
    assert {row["verified"] for row in rows(registry, verify=False)} == {None}


def test_json_is_one_array_of_the_rows(registry: Registry) -> None:
    code, out = run("--json")
    assert code == 1
    assert json.loads(out) == rows(registry)


def test_the_table_has_a_line_for_each_model(registry: Registry) -> None:
    code, out = run("--no-verify")
    assert code == 0
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["fake", "good", "7", "MB"],
        ["fake", "bad", "7", "MB"],
        ["fake", "away", "7", "MB"],
    ]
    assert out.splitlines()[3].endswith("-")


def test_damaged_weights_fail_the_verification(registry: Registry) -> None:
    code, out = run()
    assert code == 1
    assert "package good, verified" in out
    assert "package bad, DAMAGED" in out


def test_fetch_says_where_the_model_is(registry: Registry, tmp_path: Path) -> None:
    assert run("--fetch", "good") == (0, f"{tmp_path / 'good_here'}\n")


def test_fetch_of_a_misspelled_name_says_what_is_meant(registry: Registry) -> None:
    with pytest.raises(workbench.UsageError) as caught:
        run("--fetch", "god")
    assert caught.value.hint == "Did you mean 'good'?"
