"""Speech in six languages from SVOX Pico, offline: small, fast, and plainly a machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np
from pydantic import Field

import workbench
from workbench.models import Model, ModelFile, Package, locate
from workbench.synthesis import speak, voice_for

SAMPLE_RATE: Final = 16_000
MAX_CHARS: Final = 120
"""In one call: some 8 s of speech, made in 40 ms. For so long the interpreter stands still: the library does not
release its lock while it speaks, which is also why calls at once would gain nothing."""

_MARKUP: Final = re.compile(r"[<>]")
_FILES: Final = (
    ("de-DE_gl0_sg.bin", 634996, "39147b816d08bbbe64b23797804cf691a761ab73a7689ca9e2b6f87ace722654"),
    ("de-DE_ta.bin", 440732, "df292826754713d5efb6c95d60582c17753e95856b4c735c3150db722b2c218a"),
    ("en-GB_kh0_sg.bin", 584436, "8f9f5d13a920a9f3371517178d42ce89b835f1e587760c2db280beb593c388fa"),
    ("en-GB_ta.bin", 412248, "57998f6423236dea25cd572a73b13f371e64155840e31b571eba7fca0b521b7e"),
    ("en-US_lh0_sg.bin", 777396, "d6946526696d9eb085f7b23b1fbdf7a9986caca658b645e9eb73c6514fd4789d"),
    ("en-US_ta.bin", 650668, "3a2a4d23de2a44dbbff50f69dcb9486be53b6d0a871d77cdc35f45c3e25e82aa"),
    ("es-ES_ta.bin", 256744, "b18c60baf249466bf8785d333d8cb4cf1f6b62e5545986f621c66568f1851961"),
    ("es-ES_zl0_sg.bin", 605280, "82e724d3c788767ec95f0d22b0ab738e677ad397f26ec0bbbf2c07aafdf29000"),
    ("fr-FR_nk0_sg.bin", 833236, "85e2d63cf9f5522ea2a483d25ddd1cb0c6bfeecc39c92884aecfe7d3f179837a"),
    ("fr-FR_ta.bin", 381936, "d9da5eb3cd7aac7071ab8ff7fee8d716f58572ee5393c1f0a8db946d6bf32f97"),
    ("it-IT_cm0_sg.bin", 628268, "c48be4dc1f5a3c77a3dc4c8a457949b69bc433d674fac4fac91d49c01770e7e4"),
    ("it-IT_ta.bin", 252044, "9b243c3470660293691d0d4e000901d7c5d0fa71976b33986e92e93a860ade33"),
)


class NanoTts(workbench.Synthesizer):
    name = "nanotts"
    voices: ClassVar = {code: code for code in ("en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT")}

    class Options(workbench.Options):
        speed: float = Field(default=1.0, ge=0.2, le=5.0)
        """2.0 speaks in half the time."""
        pitch: float = Field(default=1.0, ge=0.5, le=2.0)
        """2.0 is an octave higher."""
        volume: float = Field(default=0.7, ge=0.1, le=1.0)
        """At 1.0, the library's own, every voice clips; none does at 0.7."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._nanotts = _load()

    @classmethod
    def models(cls) -> Sequence[Model]:
        return (_model(),)

    def process(
        self, item: workbench.Transcript | workbench.Translation, state: workbench.Settings
    ) -> Iterator[workbench.Speech]:
        voice = voice_for(self.voices, item, state)
        return speak(item, partial(self._synthesize, voice), sample_rate=SAMPLE_RATE, max_chars=MAX_CHARS)

    def _synthesize(self, voice: str, text: str) -> workbench.Samples:
        options = self._options
        pcm = self._nanotts.speak(
            _MARKUP.sub(" ", text), voice=voice, speed=options.speed, pitch=options.pitch, volume=options.volume
        )
        return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


def _model() -> Model:
    files = tuple(ModelFile(name, size, sha256, (f"py_nanotts/lang/{name}",)) for name, size, sha256 in _FILES)
    return Model(
        name="svox-pico",
        engine=NanoTts.name,
        languages=tuple(NanoTts.voices.values()),
        license="Apache-2.0",
        size=sum(file.size for file in files),
        memory_mb=10,
        files=tuple(file.name for file in files),
        packages=(Package(("py-nanotts==0.1.1",), files),),
    )


def _load() -> Any:
    locate(_model())
    import py_nanotts

    return py_nanotts.NanoTTS()


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(NanoTts)
