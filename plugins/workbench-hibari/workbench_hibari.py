"""English speech from hibari's small neural voice, offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from pydantic import Field

import workbench
from workbench.models import Model, ModelFile, Package, locate
from workbench.synthesis import speak, voice_for

SAMPLE_RATE: Final = 24_000
MAX_CHARS: Final = 200
"""In one call: some 12 s of speech. Memory grows with a call's length, by 3 MB a second of speech."""

_FILES: Final = (
    ("hibari.onnx", 7936868, "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"),
    ("oov.onnx", 2975020, "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76"),
    ("tagger.json.gz", 1240667, "d2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb"),
)


class Hibari(workbench.Synthesizer):
    name = "hibari"
    voices: ClassVar = {"heart": "en"}

    class Options(workbench.Options):
        speed: float = Field(default=1.0, ge=0.5, le=2.0)
        """2.0 speaks in half the time."""

    def __init__(self, options: Options) -> None:
        self._speed = options.speed
        self._hibari = _load()

    @classmethod
    def models(cls) -> Sequence[Model]:
        return (_model(),)

    def warm_up(self) -> None:
        self._hibari("Ready.")  # reads the lexicon, which it would leave for the first text

    def process(
        self, item: workbench.Transcript | workbench.Translation, state: workbench.Settings
    ) -> Iterator[workbench.Speech]:
        voice_for(self.voices, item, state)
        return speak(item, self._synthesize, sample_rate=SAMPLE_RATE, max_chars=MAX_CHARS)

    def _synthesize(self, text: str) -> workbench.Samples:
        # "[word](/sounds/)" is hibari's way to write a pronunciation; the seed makes the breath in the voice repeat.
        text = text.replace("](", "] (")
        try:
            samples: workbench.Samples = self._hibari(text, speed=self._speed, seed=0)
        except Exception as error:
            raise workbench.WorkbenchError(f"{self.name} cannot speak {text[:60]!r}: {error}") from error
        return samples


def _model() -> Model:
    files = tuple(ModelFile(name, size, sha256, (f"hibari/assets/{name}",)) for name, size, sha256 in _FILES)
    return Model(
        name="hibari-heart",
        engine=Hibari.name,
        languages=("en",),
        license="Apache-2.0",
        size=sum(file.size for file in files),
        memory_mb=200,
        files=tuple(file.name for file in files),
        packages=(Package(("hibari-tts==0.2.1",), files),),
    )


def _load() -> Any:
    locate(_model())
    import hibari

    return hibari.Hibari("heart")


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(Hibari)
