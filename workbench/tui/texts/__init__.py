"""The interface's texts: English in the code, other languages in one TOML file for each module of the interface.

`_("Stop")` gives the text in the language in use. It is called when a text is shown, never while a module is imported:
what is written down there, such as the descriptions of bindings and the labels of tabs, is English.
"""

from __future__ import annotations

import os
import tomllib
from importlib.resources import files
from typing import Any, Final

from workbench.phrase import Phrase

LANGUAGES: Final = {"en": "English", "zh": "中文"}
_catalogue: dict[str, str] = {}


def _(text: str, **values: Any) -> str:
    """`text` in the language in use, with `{name}` replaced by what `values` has under that name.

    A `Phrase` brings its values along.
    """
    if isinstance(text, Phrase):
        said = {name: _(value) if isinstance(value, Phrase) else value for name, value in text.values.items()}
        return _catalogue.get(text.template, text.template).format(**said)
    text = _catalogue.get(text, text)
    return text.format(**values) if values else text


def use(language: str) -> None:
    """Speak `language`, one of `LANGUAGES`, from now on."""
    _catalogue.clear()
    if language != "en":
        _catalogue.update(catalogue(language))


def catalogue(language: str) -> dict[str, str]:
    """All texts of `language` by their English."""
    texts: dict[str, str] = {}
    for file in sorted((files(__name__) / language).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            texts |= tomllib.loads(file.read_text("utf-8"))
    return texts


def preferred(chosen: str | None = None) -> str:
    """The language to start in: what was chosen, else what the environment asks for, else English."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    wanted = (chosen or named)[:2].lower()
    return wanted if wanted in LANGUAGES else "en"
