"""`workbench live`"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench import events, sessions
from workbench.cli import console
from workbench.cli.options import EngineOptions, Engines, Hotwords, Language, Model, ProfileName, Prompt, Voice
from workbench.cli.overrides import overridden, settings_of
from workbench.cli.progress import clock
from workbench.errors import UsageError
from workbench.live import Live, LivePhase, Source
from workbench.models.states import ModelState, Phase
from workbench.profiles import affinity
from workbench.threads import limit_arenas, to_thread
from workbench.types import Transcript

_LOOK_S = 0.05
"""Seconds between two looks at how much is captured, where that ends the session."""


def live(
    device: Annotated[
        str | None, typer.Option("--device", "-d", metavar="D", help="From `workbench devices`. Default: the default.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="F", help="Play a file as if it were live.")] = None,
    pace: Annotated[float, typer.Option("--pace", min=0.0, help="Of --file: times real time; 0: at once.")] = 1.0,
    duration: Annotated[
        float | None, typer.Option("--duration", metavar="S", min=0.1, help="Stop after so many seconds.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write subtitles at the end; format by suffix."),
    ] = None,
    language: Language = None,
    translate: Annotated[
        str | None, typer.Option("--translate", "-t", metavar="L", help="Translate into this language.")
    ] = None,
    speak: Annotated[bool, typer.Option("--speak", help="Speak the translation, or else the text.")] = False,
    voice: Voice = None,
    interim: Annotated[bool, typer.Option(help="Recognize speech while it goes on.")] = True,
    model: Model = None,
    prompt: Prompt = None,
    hotwords: Hotwords = None,
    profile: ProfileName = None,
    engine: Engines = None,
    option: EngineOptions = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of -o.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line on standard output.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Only final captions, one a line.")] = False,
) -> None:
    """Captions of what a microphone hears, line by line. Ctrl-C stops, and finishes what was said.

    Everything is stored as a session: see `workbench sessions`.
    """
    if device is not None and file is not None:
        raise UsageError("--device and --file name two sources", hint="Leave one of them out.")
    if voice is not None and not speak:
        raise UsageError("--voice needs --speak", hint="Add --speak, or leave --voice out.")
    registry = console.registry()
    chosen = overridden(profile, registry, engine or [], option or [], model)
    wants = {"interim": chosen.live.interim and interim, "speak": chosen.live.speak or speak}
    chosen = chosen.model_copy(update={"live": chosen.live.model_copy(update=wants)})
    settings = settings_of(
        chosen, language=language, target_language=translate, voice=voice, prompt=prompt, hotwords=hotwords
    )
    affinity.apply(chosen.hardware.cpu_affinity)
    limit_arenas()
    teller = _Json() if as_json else _Lines(shows_interim=not plain and console.is_terminal(sys.stdout))
    session = Live(chosen, registry, settings)
    console.run(_run(session, Source(device, file, pace, duration), teller), interrupted=lambda: _interrupted(session))


async def _run(live: Live, source: Source, teller: _Lines | _Json) -> None:
    async with live:
        live.watch(_Loading())
        live.change()
        await live.settled()
        live.observe(teller)
        await live.start(source)
        console.say(f"Listening to {live.status().label}. Ctrl-C stops.")
        await live.finished()


def _interrupted(live: Live) -> bool:
    """The first Ctrl-C ends the capture, the second drops what is not recognized yet; more end the program."""
    match live.phase:
        case LivePhase.RECORDING | LivePhase.PAUSED:
            console.say(f"Stopping: {live.status().backlog:.1f} s are to be recognized. Ctrl-C drops them.")
            live.stop()
        case LivePhase.DRAINING:
            live.discard()
        case LivePhase.IDLE:
            return False
    return True


class _Loading:
    """Says on stderr what engines are doing, once each."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, states: tuple[ModelState, ...]) -> None:
        for state in states:
            if state.phase in (Phase.DOWNLOADING, Phase.LOADING):
                self._say(f"{state.phase.capitalize()} {state.kind} engine {state.engine} {state.model}".rstrip())

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            console.say(line)


class _Json:
    """One event a line."""

    def __call__(self, event: events.Event) -> None:
        console.print_json(event.to_dict())


class _Lines:
    """One caption a line, its translation on the next; on a terminal the interim text in a line that is overwritten."""

    def __init__(self, *, shows_interim: bool) -> None:
        self._shows_interim = shows_interim
        self._is_dirty = False

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.Transcript(transcript=transcript) if transcript.is_final:
                self._line(f"[{clock(transcript.start)}] {transcript.text}")
            case events.Transcript(transcript=transcript) if self._shows_interim:
                self._interim(transcript.text)
            case events.Translation(translation=translation) if translation.is_final:
                self._line(f"{'':{len(clock(translation.start)) + 2}} {translation.text}")
            case events.DeviceLost(device=device, message=message):
                console.say(
                    f"{device} is lost: {message} What was heard is stored; it is opened again when it is back."
                )
            case events.DeviceReturned(device=device, start=start, end=end):
                console.say(f"{device} is back. Silence from {clock(start)} to {clock(end)}.")
            case events.NoSignal(device=device):
                console.say(f"No signal from {device}: is it muted, or the wrong one? See: workbench devices")
            case events.Error(message=message, hint=hint):
                console.say(f"workbench: {message}" + (f"\n  {hint}" if hint else ""))

    def _line(self, text: str) -> None:
        clear = "\r\x1b[2K" if self._is_dirty else ""
        self._is_dirty = False
        console.write(f"{clear}{console.printable(text)}\n".encode("utf-8", "backslashreplace"))

    def _interim(self, text: str) -> None:
        """The end of it, if it is too long."""
        from rich.cells import cell_len

        room = shutil.get_terminal_size().columns - 1
        text = console.printable(text)
        while cell_len(text) > room:
            text = text[1:]
        self._is_dirty = True
        console.write(f"\r\x1b[2K\x1b[2m{text}\x1b[0m".encode("utf-8", "backslashreplace"))
