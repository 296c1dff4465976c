"""The command line. Each command is imported when it is called: `workbench --help` imports none."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shlex
import sys
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from workbench.cli.console import disabled_plugins, fail, is_terminal, moves_cursor, set_up_log, silence_stdout
from workbench.cli.help import EXIT_CODES, Command
from workbench.errors import UsageError, WorkbenchError, did_you_mean

COMMANDS: Final = {
    "live": ("workbench.cli.live:live", "Captions of what a microphone hears, line by line."),
    "transcribe": ("workbench.cli.transcribe:transcribe", "Make subtitles, translations or speech from files."),
    "jobs": ("workbench.cli.jobs:app", "List, pause, resume and clean up file jobs; watch a folder."),
    "serve": ("workbench.cli.serve:serve", "Offer the engines to other programs, over HTTP and WebSocket."),
    "devices": ("workbench.cli.devices:devices", "List microphones, monitors and outputs."),
    "sessions": ("workbench.cli.sessions:app", "List, show, search, export and finish what was recorded."),
    "subtitles": ("workbench.cli.subtitles:app", "Check, convert and mux subtitle files."),
    "profile": ("workbench.cli.profile:app", "Detect the hardware; list, show, choose and compare profiles."),
    "plugins": ("workbench.cli.plugins:plugins", "List the engines of all installed plugins."),
    "models": ("workbench.cli.models:models", "List known models and where they are."),
    "paths": ("workbench.cli.paths:paths", "Print where settings, sessions, jobs, models and the log lie."),
    "doctor": ("workbench.cli.doctor:doctor", "Find what is missing on this machine, and what mends it."),
}


class _LazyGroup(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:  # the shell asks for completions
                return None
            if os.path.splitext(cmd_name)[1] or os.path.isfile(cmd_name):
                hint = f"To make subtitles of a file: workbench transcribe {shlex.quote(cmd_name)}"
                raise UsageError(f"{cmd_name!r} is no command", hint=hint)
            ctx.fail(f"No command is called {cmd_name!r}{did_you_mean(cmd_name, COMMANDS)}.")
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        target = getattr(import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(cmd_name)(target)
            target = app
        for each in target.registered_commands:
            each.cls = Command
        command = typer.main.get_command(target)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        self.no_args_is_help = not _is_on_terminal()
        return super().parse_args(ctx, _take_disabled(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except WorkbenchError as error:
            raise typer.Exit(fail(error)) from error
        except BrokenPipeError as error:
            silence_stdout()
            raise typer.Exit(128 + 13) from error
        except KeyboardInterrupt as error:  # before or after the event loop, which has its own handler
            raise typer.Exit(128 + 2) from error


def _is_on_terminal() -> bool:
    return all(map(is_terminal, (sys.stdin, sys.stdout, sys.stderr)))


def _take_disabled(args: list[str]) -> list[str]:
    """Take `--no-plugin NAME` out, wherever it stands: it holds for every command."""
    disabled_plugins.clear()
    end = args.index("--") if "--" in args else len(args)
    rest, index = [], 0
    while index < end:
        name, equals, value = args[index].partition("=")
        if name != "--no-plugin":
            rest.append(args[index])
        else:
            index += not equals
            if index == end:
                raise typer.BadParameter("--no-plugin needs the name of a plugin")
            disabled_plugins.append(value if equals else args[index])
        index += 1
    return rest + args[end:]


app = typer.Typer(
    cls=_LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from workbench import __version__

        typer.echo(f"workbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
    no_plugin: Annotated[
        list[str] | None,
        typer.Option("--no-plugin", metavar="NAME", help="Leave a plugin out. Goes with every command."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="The profile to open the workbench with: a name or a .toml file.")
    ] = None,
    theme: Annotated[str | None, typer.Option(metavar="NAME", help="The colours to open it in.")] = None,
    lang: Annotated[str | None, typer.Option(metavar="LANG", help="The language to open it in: en or zh.")] = None,
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")] = False,
    reset_layout: Annotated[bool, typer.Option("--reset-layout", help="Show all panels as at first.")] = False,
) -> None:
    """An audio workbench for the terminal. Without a command it opens there."""
    set_up_log()
    if ctx.invoked_subcommand is not None:
        if profile or theme or lang or no_mouse or reset_layout:
            raise UsageError("these options open the workbench; a command has its own, behind its name")
        return
    if not _is_on_terminal():
        raise UsageError("the workbench opens on a terminal only", hint="For pipes and logs: workbench --help")
    if not moves_cursor(sys.stdout):
        raise UsageError(
            "this terminal cannot show the workbench", hint="Captions line by line: workbench live --plain"
        )
    from workbench.cli.tui import open_workbench

    raise typer.Exit(open_workbench(profile, theme=theme, language=lang, mouse=not no_mouse, reset_layout=reset_layout))


def main() -> None:
    """The `workbench` command. Ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a locale without the characters is no reason to fail
    try:
        app(prog_name="workbench")
    except SystemExit as end:
        _end(end.code)
    except Exception as error:
        if isinstance(error, OSError):
            silence_stdout()  # in case that it was the one that failed: it would again at exit
        _end(fail(error))


def _end(code: str | int | None) -> None:
    """An engine that was left in the middle of a call would crash when the interpreter is torn down under it."""
    threads = sys.modules.get("workbench.threads")
    if threads is not None and threads.busy() and not isinstance(code, str):
        logging.shutdown()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code or 0)
    raise SystemExit(code)
