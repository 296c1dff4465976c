"""workbench profile: what this machine has, what suits it, and which profile is in use."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli import console
from workbench.errors import ProfileError, UsageError
from workbench.profiles import store
from workbench.profiles.fit import obstacles
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.optimizer import CoreOptimizer, Plan
from workbench.profiles.report import hardware_rows, plan_rows
from workbench.profiles.schema import Profile, mismatches

app = typer.Typer(
    help="Which engines run, with which settings, on this machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="A profile, or the path of a .toml file.")]
OptionalName = Annotated[
    str | None, typer.Argument(help="A profile, or the path of a .toml file; without: the current.")
]


@app.command()
def detect(
    write: Annotated[str | None, typer.Option(metavar="NAME", help="Write a profile of that name.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a profile that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Look at this machine and say what suits it, and why."""
    hardware = CoreHardwareDetector().detect()
    plan = CoreOptimizer().plan(hardware)
    _tell(f"could not find out: {problem}" for problem in hardware.problems)
    written = store.write(store.from_plan(hardware, plan, write), write, force=force) if write else None
    if as_json:
        found = {"hardware": hardware.to_dict(), "optimized": plan.values(), "reasons": dict(plan.reasons)}
        console.print_json(found | ({"written": str(written)} if written else {}))
    else:
        typer.echo("\n".join(_report_lines(hardware, plan)))
    if written:
        _tell([f"written: {written}", f"use it with: workbench profile use {write}"])


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List all profiles; a star marks the one in use."""
    name, _ = store.current_name()
    rows = [(store.AUTO, "made for this machine", "")]
    rows += [(e.name, "preset" if e.is_preset else "yours", str(e.path)) for e in store.entries()]
    if name not in [row[0] for row in rows]:
        rows.append((name, "chosen by path", name))
    if as_json:
        found = [{"name": n, "kind": kind, "path": path or None, "current": n == name} for n, kind, path in rows]
        console.print_json(found)
    else:
        typer.echo(console.table([(("* " if n == name else "  ") + n, kind, path) for n, kind, path in rows]))


@app.command()
def show(name: OptionalName = None, as_json: Json = False) -> None:
    """Print a profile."""
    chosen, why = store.current_name(name)
    profile = store.load(chosen)
    if name is None:
        _tell([f"current profile: {chosen} ({why})"])
    _tell_fit(profile)
    if as_json:
        console.print_json(profile.to_dict())
    else:
        typer.echo(store.dumps(profile), nl=False)


@app.command()
def use(name: Name) -> None:
    """Use a profile from now on.

    "auto" makes one for this machine each time.
    """
    if name != store.AUTO:  # the way out when nothing else can be used
        _check(store.find(name))
    store.use(name)
    _tell([f"current profile: {name}"])
    _tell_fit(store.load(name))
    override = os.environ.get("WORKBENCH_PROFILE")
    if override and override != name:
        _tell([f"WORKBENCH_PROFILE={override} still comes first"])


@app.command()
def diff(
    left: OptionalName = None,
    right: Annotated[str | None, typer.Argument(help="A profile; without: what detection proposes.")] = None,
    as_json: Json = False,
) -> None:
    """Compare two profiles key by key."""
    left, right = left or store.current_name()[0], right or store.AUTO
    differences = store.diff(store.load(left), store.load(right))
    if as_json:
        found = [{"key": d.key, "left": d.left, "right": d.right} for d in differences]
        console.print_json({"left": left, "right": right, "differences": found})
        return
    _tell([f"{left} -> {right}" if differences else f"{left} and {right} do not differ"])
    for d in differences:
        typer.echo(f"{d.key}: {_shown(d.left)} -> {_shown(d.right)}")


@app.command()
def edit(name: Annotated[str, typer.Argument(help="A profile. Of a preset a copy of your own is made.")]) -> None:
    """Edit a profile in $VISUAL or $EDITOR.

    What has mistakes is not taken over, but kept as a draft.
    """
    target = store.user_path(name)
    command = _editor()
    draft = store.draft_file(name)
    if draft.is_file():
        _tell([f"going on with the draft {draft}"])
    else:
        draft.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.find(name), draft)
    if subprocess.run([*command, str(draft)], check=False).returncode:
        raise UsageError(f"the editor {shlex.join(command)} failed", hint=f"The profile is as it was; draft: {draft}")
    try:
        _check(draft)
    except ProfileError as error:
        state = f"{target} is as it was" if target.exists() else "nothing was written"
        hint = f"Run the command again to go on with the draft; {state}."
        raise ProfileError(error.message, problems=error.problems, hint=hint) from error
    store.write_text(name, draft.read_text("utf-8-sig"))
    draft.unlink()
    _tell([f"written: {target}"])


def _tell_fit(profile: Profile) -> None:
    """What speaks against running it here, and what can be run."""
    hardware = CoreHardwareDetector().detect()
    _tell(mismatches(profile, hardware))
    if obstacles(profile, hardware):
        _tell(["one that can: workbench profile use auto"])


def _check(path: Path) -> None:
    """Raise `ProfileError` with all mistakes of the profile at `path`, those in engines' options too."""
    from workbench.profiles.options import check_file

    check_file(path, console.registry())


def _editor() -> list[str]:
    chosen = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if chosen:
        if found := shutil.which(chosen[0]):
            return [found, *chosen[1:]]
        raise UsageError(f"the editor {chosen[0]!r} was not found", hint="Set $VISUAL or $EDITOR.")
    if sys.platform == "win32":
        return ["notepad"]
    for name in ("sensible-editor", "nano", "vi"):
        if found := shutil.which(name):
            return [found]
    raise UsageError("there is no editor", hint="Name one in the environment variable EDITOR.")


def _report_lines(hardware: HardwareInfo, plan: Plan) -> list[str]:
    found = [f"- {row.label}: {row.value}" for row in hardware_rows(hardware)]
    planned = [line for row in plan_rows(plan) for line in (f"- {row.label}: {row.value}", f"    {row.reason}")]
    return ["Hardware found:", *found, "", "Settings for it:", *planned]


def _shown(value: Any) -> str:
    return "(not set)" if value is None else json.dumps(value, ensure_ascii=False)


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        console.say(line)
