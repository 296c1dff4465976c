"""The TOML of a profile. Its shape is checked here, without plugins; engines' options in `profiles.options`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from workbench.errors import ProfileError
from workbench.profiles.fit import obstacles
from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.problems import Problem, explain
from workbench.profiles.toml_lines import key_lines, line_of, parse

MAX_BYTES = 1_000_000
"""No profile is larger; what is, is some other file."""
MEMORY_TOLERANCE = 0.1
"""Share by which memory may differ before a profile counts as made for another machine."""
_WORDS = ("half", "all", "none")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Hardware(_Table):
    """What the profile was made for, and what holds for the whole process. None: for any machine."""

    cpu_threads: Annotated[int, Field(ge=1)] | None = None
    memory_gib: Annotated[float, Field(gt=0)] | None = None
    gpu_count: Annotated[int, Field(ge=0)] | None = None
    gpu_memory_gib: Annotated[float, Field(gt=0)] | None = None
    """Of the smallest GPU in use."""
    memory_mapping: bool = False
    cpu_affinity: str | list[int] = "none"
    """half, all or none of the cores, or a list of their numbers."""

    @field_validator("cpu_affinity", mode="before")
    @classmethod
    def _known_affinity(cls, value: Any) -> Any:
        numbers = isinstance(value, list) and value and all(type(core) is int and core >= 0 for core in value)
        if numbers or (isinstance(value, str) and value in _WORDS):
            return value
        raise ValueError('must be "half", "all", "none" or a list of core numbers, like [0, 1]')


class Instances(_Table):
    """How many copies of an engine a pool keeps, and how long work may wait for one."""

    min: Annotated[int, Field(ge=1)] = 1
    max: Annotated[int, Field(ge=1)] = 1
    acquire_timeout_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds; None: as long as it takes."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is more than max ({self.max})")
        return self


class Stage(_Table):
    """Which engine a kind of stage uses, and how."""

    engine: Annotated[str, Field(min_length=1)]
    instances: Instances = Instances()
    isolation: Literal["thread"] = "thread"
    options: dict[str, Any] = {}


class StreamDefaults(_Table):
    """What a stream starts with where the command line does not say: the fields of `workbench.Settings`."""

    language: str | None = None
    target_language: str | None = None
    voice: str | None = None
    prompt: str = ""
    hotwords: str = ""


class LiveDefaults(_Table):
    """Which stages live audio goes through. Capture is always there; translation, where there is a target language."""

    detect: bool = True
    """Find speech."""
    recognize: bool = True
    """Recognize speech that was found."""
    interim: bool = True
    """Recognize speech while it goes on, too."""
    speak: bool = False
    """Speak translations, or transcripts where there is no translation."""


class Jobs(_Table):
    """How files are worked on. None of it changes what is made of them."""

    files_at_once: Annotated[int, Field(ge=1, le=64)] = 4
    """While one is decoded or written, others keep the engines busy; with 1, a short file waits for a long one."""


class Profile(_Table):
    """Which engines run, with which settings, on which hardware. A stage without a table is chosen when asked for."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Annotated[str, Field(min_length=1)]
    hardware: Hardware = Hardware()
    capture: Stage | None = None
    vad: Stage | None = None
    asr: Stage | None = None
    translation: Stage | None = None
    tts: Stage | None = None
    export: Stage | None = None
    settings: StreamDefaults = StreamDefaults()
    live: LiveDefaults = LiveDefaults()
    jobs: Jobs = Jobs()

    _source: str = PrivateAttr("")
    _lines: dict[tuple[str, ...], int] | None = PrivateAttr(None)

    @property
    def source(self) -> str:
        """The file it was read from; empty when it was not."""
        return self._source

    def stages(self) -> dict[str, Stage]:
        """The stages that have a table, by kind."""
        return {kind: stage for kind in STAGE_KINDS if (stage := getattr(self, kind)) is not None}

    def to_dict(self) -> dict[str, Any]:
        """What its TOML holds: only what was set."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)

    def effective(self) -> dict[str, Any]:
        """What holds: with all defaults filled in."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def located(self, problem: Problem) -> str:
        """`problem` as a line of a message: file:line: key: what is wrong."""
        return _located(problem, self._source or self.name, self._lines)


STAGE_KINDS = ("capture", "vad", "asr", "translation", "tts", "export")
"""The values of `workbench.StageKind`, without numpy, which comes with that."""


def load_profile(path: Path) -> Profile:
    """Read a profile. Raises `ProfileError` with all mistakes."""
    return parse_profile(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The TOML of a profile as it stands, comments and all. Raises `ProfileError` when it is no text."""
    source = str(path)
    try:
        content = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise ProfileError(f"{source} cannot be read: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise failure(source, [f"{source}:{line}: is not UTF-8 text"]) from error


def parse_profile(text: str, source: str = "profile") -> Profile:
    """Read a profile from `text`. Raises `ProfileError` with all mistakes, each as `source:line: key: what`."""
    if len(text) > MAX_BYTES:
        raise failure(source, [f"{source}: is larger than {MAX_BYTES} bytes, so it is no profile"])
    data = _toml(text, source)
    lines = key_lines(text)
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        found = explain(error, data, _known_names())
        found.sort(key=lambda problem: line_of(lines, problem.path))
        raise failure(source, [_located(problem, source, lines) for problem in found]) from None
    profile._source, profile._lines = source, lines
    return profile


def salvaged(text: str, source: str) -> Profile:
    """The engines and options in a profile whose shape is wrong, as far as they can be told. Raises `ProfileError`."""
    data, stages = _toml(text, source), {}
    for kind in STAGE_KINDS:
        with suppress(ValidationError, AttributeError, KeyError, TypeError):
            stages[kind] = Stage(engine=data[kind]["engine"], options=data[kind].get("options", {}))
    profile = Profile.model_validate({"schema": 1, "name": source} | stages)
    profile._source, profile._lines = source, key_lines(text)
    return profile


def mismatches(profile: Profile, hardware: HardwareInfo) -> list[str]:
    """Warnings where `profile` cannot run on this `hardware`, or was made for another machine."""
    made_for, found = profile.hardware, []
    if made_for.cpu_threads and made_for.cpu_threads != hardware.cpu_threads:
        found.append(f"{made_for.cpu_threads} CPU threads, this machine has {hardware.cpu_threads}")
    memory_gib = hardware.memory_total_mb / 1024
    if made_for.memory_gib and abs(memory_gib - made_for.memory_gib) > MEMORY_TOLERANCE * made_for.memory_gib:
        found.append(f"{made_for.memory_gib:.1f} GiB of RAM, this machine has {memory_gib:.1f}")
    if made_for.gpu_count is not None and made_for.gpu_count != hardware.gpu_count:
        found.append(f"{made_for.gpu_count} GPUs, this machine has {hardware.gpu_count}")
    vram_gib = min(hardware.gpu_memory_mb, default=0) / 1024
    if made_for.gpu_memory_gib and vram_gib < made_for.gpu_memory_gib * (1 - MEMORY_TOLERANCE):
        found.append(f"{made_for.gpu_memory_gib:.1f} GiB of GPU memory, this machine has {vram_gib:.1f}")
    reasons = [f"cannot run here: {obstacle}" for obstacle in obstacles(profile, hardware)]
    reasons += [f"was made for {difference}" for difference in found]
    return [f"profile {profile.name!r} {reason}" for reason in reasons]


def _toml(text: str, source: str) -> dict[str, Any]:
    try:
        return parse(text)
    except ValueError as error:
        raise failure(source, [f"{source}:{error}"]) from None


def _known_names() -> dict[tuple[str, ...], tuple[str, ...]]:
    """The names allowed in each table."""
    known = {
        (): _field_names(Profile),
        ("hardware",): _field_names(Hardware),
        ("settings",): _field_names(StreamDefaults),
        ("live",): _field_names(LiveDefaults),
        ("jobs",): _field_names(Jobs),
    }
    for kind in STAGE_KINDS:
        known |= {(kind,): _field_names(Stage), (kind, "instances"): _field_names(Instances)}
    return known


def _field_names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _located(problem: Problem, source: str, lines: Mapping[tuple[str, ...], int] | None) -> str:
    where = source if lines is None else f"{source}:{line_of(lines, problem.path)}"
    return f"{where}: {problem.key}: {problem.text}"


def failure(source: str, problems: list[str]) -> ProfileError:
    """The error of a profile with these mistakes."""
    count = "a mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    hint = "Correct it, or choose another one with --profile."
    return ProfileError(f"{source} has {count}", problems=tuple(problems), hint=hint)
