"""What the commands that transcribe can be asked for: their options, said once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, get_type_hints

from workbench.cli import options
from workbench.cli.overrides import overridden, settings_of
from workbench.cli.wanted import OutputOptions
from workbench.engines import Settings
from workbench.plugins import Registry
from workbench.profiles.schema import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One field an option, in the order of the help."""

    output: options.Output = None
    format: options.Format = None
    language: options.Language = None
    translate: options.Translate = None
    show: options.Shown = None
    bilingual: options.Bilingual = False
    mux: options.Mux = False
    speak: options.Speak = False
    voice: options.Voice = None
    model: options.Model = None
    prompt: options.Prompt = None
    hotwords: options.Hotwords = None
    profile: options.ProfileName = None
    engine: options.Engines = None
    option: options.EngineOptions = None
    recursive: options.Recursive = False
    force: options.Afresh = False
    as_json: options.JsonLines = False
    plain: options.Plain = False

    def wanted(self) -> OutputOptions:
        """Raises `UsageError` for options that contradict each other."""
        wanted = OutputOptions(
            output=self.output,
            formats=self.format,
            show=self.show,
            bilingual=self.bilingual,
            mux=self.mux,
            speak=self.speak,
            force=self.force,
        )
        wanted.check(as_json=self.as_json, voice=self.voice)
        return wanted

    def chosen(self, registry: Registry) -> tuple[Profile, Settings]:
        """With what to run. Raises `UsageError`, `ProfileError`, `MissingError`."""
        profile = overridden(self.profile, registry, self.engine or [], self.option or [], self.model)
        settings = settings_of(
            profile,
            language=self.language,
            target_language=self.translate,
            voice=self.voice,
            prompt=self.prompt,
            hotwords=self.hotwords,
        )
        return profile, settings


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with all options of its last parameter, `asked`, which it gets together: an `Asked`."""
    hints = get_type_hints(command, include_extras=True)
    kind = hints.pop("asked")
    names = [field.name for field in fields(kind)]

    @wraps(command)
    def run(**given: Any) -> None:
        asked = kind(**{name: given.pop(name) for name in names})
        command(**given, asked=asked)

    hints |= get_type_hints(kind, include_extras=True)
    own = [one for name, one in inspect.signature(command).parameters.items() if name != "asked"]
    defaults = inspect.signature(kind).parameters
    parameters = [one.replace(kind=one.KEYWORD_ONLY) for one in (*own, *(defaults[name] for name in names))]
    told = [one.replace(annotation=hints[one.name]) for one in parameters]
    run.__signature__ = inspect.Signature(told)  # type: ignore[attr-defined]  # what Typer reads them from,
    run.__annotations__ = hints  # and their types
    return run
