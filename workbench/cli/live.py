"""`workbench live`"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench import events
from workbench.audio.devices import find_device
from workbench.builtin.microphone import MicrophoneCapture
from workbench.cli import console
from workbench.cli.live_lines import Teller, teller_of
from workbench.cli.options import (
    Bilingual,
    EngineOptions,
    Engines,
    Hotwords,
    Language,
    Model,
    ProfileName,
    Prompt,
    Shown,
    Voice,
    refuse_standard_input,
    what_to_show,
)
from workbench.cli.overrides import overridden, settings_of
from workbench.clock import clock
from workbench.errors import MissingError, OutputError, StageError, UsageError, WorkbenchError
from workbench.export import Output
from workbench.files import NewFile
from workbench.live import Live, LivePhase, Source
from workbench.models.states import ModelState, Phase
from workbench.outputs import refuse_taken
from workbench.phrase import counted
from workbench.plugins import Registry
from workbench.profiles import affinity
from workbench.profiles.schema import Profile
from workbench.recording import Recording
from workbench.recording_info import RecordingInfo, State
from workbench.source import OpenedSource
from workbench.threads import limit_arenas, to_thread


def live(
    device: Annotated[
        str | None, typer.Option("--device", "-d", metavar="D", help="From `workbench devices`. Default: the default.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="F", help="Play a file as if it were live.")] = None,
    pace: Annotated[
        float, typer.Option("--pace", metavar="X", min=0.0, help="Of --file: times real time; 0: at once.")
    ] = 1.0,
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
    show: Shown = None,
    bilingual: Bilingual = False,
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
    refuse_standard_input([file] if file else [])
    if voice is not None and not speak:
        raise UsageError("--voice needs --speak", hint="Add --speak, or leave --voice out.")
    if output is None and (show is not None or bilingual):
        said = "--bilingual" if bilingual else "--show"
        raise UsageError(f"{said} needs -o: captions come with their translations", hint="Name a file with -o.")
    registry = console.registry()
    chosen = overridden(profile, registry, engine or [], option or [], model)
    wants = {"interim": chosen.live.interim and interim, "speak": chosen.live.speak or speak}
    chosen = chosen.model_copy(update={"live": chosen.live.model_copy(update=wants)})
    settings = settings_of(
        chosen, language=language, target_language=translate, voice=voice, prompt=prompt, hotwords=hotwords
    )
    affinity.apply(chosen.hardware.cpu_affinity)
    limit_arenas()
    session = Live(chosen, registry, settings)
    translated, hint = session.session.translates(settings), "Say which: --translate LANGUAGE"
    shown = what_to_show(show, bilingual=bilingual, translated=translated, hint=hint)
    outputs = _outputs(session, output, force=force)
    work = _record(session, Source(device, file, pace, duration), teller_of(as_json=as_json, plain=plain))
    failure = _run(work, session)
    recording = session.recording
    if recording is None:
        console.say("Nothing was captured: no session is kept" + (f", and {output} is not written." if output else "."))
        raise typer.Exit(failure.exit_code if failure else 0)
    if outputs:
        recording.export(outputs, show=shown, overwrite=force)
    _close(recording, output, failure)


def finish(recording: Recording, profile: Profile, registry: Registry, *, as_json: bool, plain: bool) -> None:
    """Recognize what a session has that is not recognized yet, and show it as `live` does."""
    settings = settings_of(
        profile, language=recording.info().language, target_language=recording.info().target_language
    )
    session = Live(profile, registry, settings)
    limit_arenas()
    work = _finish(session, recording, teller_of(as_json=as_json, plain=plain))
    failure = _run(work, session)
    _close(recording, None, failure)


def _run(work: Coroutine[Any, Any, WorkbenchError | None], live: Live) -> WorkbenchError | None:
    """Whatever signal ends it, the session is named."""

    def say_where_it_is() -> None:
        if live.recording is not None and live.phase is not LivePhase.IDLE:
            console.say(
                f"What was captured is stored. To recognize it: workbench sessions finish {live.recording.name}"
            )

    try:
        return console.run(work, interrupted=_Interrupts(live), cut_short=say_where_it_is)
    except SystemExit:
        if live.recording is not None:
            _sum_up(live.recording, None)
        raise


async def _record(live: Live, source: Source, teller: Teller) -> WorkbenchError | None:
    async with live:
        await to_thread(_look_for, live, source)
        await _load(live)
        broken = _observe(live, teller)
        await live.start(source)
        console.say(f"Listening to {live.status().label}. Ctrl-C stops.")
        return await _finished(live, broken)


def _look_for(live: Live, source: Source) -> None:
    """Refuse a source that is not there before engines are loaded for it. Blocks."""
    capture = live.session.source(source.device, source.path, source.pace)
    if source.path is not None:
        OpenedSource.of(lambda: capture, live.settings).close()
    elif isinstance(capture, MicrophoneCapture):
        try:
            find_device(capture.options.device, "input")
        except MissingError as error:
            error.hint = f"{error.hint}\n  To play a file as if it were live: workbench live --file FILE".lstrip()
            raise


async def _finish(live: Live, recording: Recording, teller: Teller) -> WorkbenchError | None:
    async with live:
        await _load(live)
        broken = _observe(live, teller)
        await live.finish(recording)
        return await _finished(live, broken)


def _observe(live: Live, teller: Teller) -> asyncio.Future[None]:
    """Tell `teller` until standard output takes nothing more; then what this gives has its error."""
    broken = asyncio.get_running_loop().create_future()

    def tell(event: events.Event) -> None:
        if not broken.done():
            try:
                teller(event)
            except (OSError, OutputError) as error:
                broken.set_exception(error)

    live.observe(tell)
    return broken


async def _finished(live: Live, broken: asyncio.Future[None]) -> WorkbenchError | None:
    """Wait for the end of the session. Gives what ended it before its time, which was told.

    Raises what breaks the output; then the rest is kept for later.
    """
    async with asyncio.TaskGroup() as tasks:
        failing = tasks.create_task(_failure(live))
        either: list[asyncio.Future[Any]] = [failing, broken]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            await broken
    return failing.result()


async def _failure(live: Live) -> WorkbenchError | None:
    try:
        await live.finished()
    except WorkbenchError as error:
        return error
    return None


async def _load(live: Live) -> None:
    live.watch(_Loading())
    live.change()
    await live.settled()


def _outputs(live: Live, path: Path | None, *, force: bool) -> list[Output]:
    """What is to be written at the end. Raises `UsageError` for what could not be."""
    if path is None:
        return []
    format, known = path.suffix.lstrip(".").lower(), live.session.formats()
    if format not in known:
        raise UsageError(f"{path.name!r} has no suffix of a subtitle format", hint=f"Formats: {', '.join(known)}.")
    if not force:
        refuse_taken([path])
    with NewFile(path, overwrite=force):
        return [(live.session.exporter(format), format, path)]


def _close(recording: Recording, output: Path | None, failure: WorkbenchError | None) -> None:
    """What is left to be recognized is a failure too, which was told."""
    info = _sum_up(recording, output)
    if failure or info.state is State.INTERRUPTED:
        raise typer.Exit((failure or StageError).exit_code)


def _sum_up(recording: Recording, output: Path | None) -> RecordingInfo:
    """Say what there is, and what comes next."""
    info = recording.info()
    wrote, step = f" -> {output}" if output else "", ""
    if info.state is State.INTERRUPTED:
        step = f". To recognize the rest: workbench sessions finish {recording.name}"
    elif not output:
        step = f". To write subtitles of it: workbench sessions export {recording.name}"
    console.say(f"{recording.name}: {clock(info.duration)}, {counted(info.segments, 'caption')}{wrote}{step}")
    return info


class _Interrupts:
    """The first Ctrl-C ends the capture, the second drops what is not recognized yet; more end the program."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._stopping = self._dropping = False

    def __call__(self) -> bool:
        """Whether this one is dealt with."""
        if self._dropping or self._live.phase is LivePhase.IDLE:
            return False
        if self._stopping or self._live.phase is LivePhase.FINISHING:
            self._dropping = True
            console.say("Dropping what is not recognized. The audio is kept.")
            self._live.discard()
        else:
            self._stopping = True
            console.say(f"Stopping: {self._live.status().backlog:.1f} s are to be recognized. Ctrl-C drops them.")
            self._live.stop()
        return True


class _Loading:
    """Says on stderr what engines are doing, once each."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, states: tuple[ModelState, ...]) -> None:
        for state in states:
            if state.phase in (Phase.DOWNLOADING, Phase.LOADING):
                self._say(f"{state.phase.capitalize()} {state.kind} engine {state.title}")

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            console.say(line)
