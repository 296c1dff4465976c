"""The TOML of a profile as it is shown: what differs from another profile is marked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.content import Content

from workbench.profiles.fit import obstacles
from workbench.profiles.report import hardware_rows, plan_rows
from workbench.profiles.schema import Profile, mismatches
from workbench.profiles.store import Difference, diff
from workbench.profiles.toml_lines import key_lines
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.tui.profiles import Machine


@dataclass(frozen=True, slots=True)
class ShownLine:
    text: str
    note: str = ""
    """What the other profile has in its place; a line with one is marked."""


def marked(text: str, profile: Profile, default: Profile) -> list[ShownLine]:
    """The lines of `text`, the TOML of `profile`, then what only `default` has."""
    lines = key_lines(text)
    notes: dict[int, list[str]] = {}
    absent = []
    for difference in diff(profile, default):
        path = tuple(difference.key.split("."))
        place = next((lines[path[:n]] for n in range(len(path), 1, -1) if path[:n] in lines), None)
        is_there = path in lines or difference.left is not None
        if place is not None and is_there:
            notes.setdefault(place, []).append(shown(difference.right))
        elif difference.right is not None:
            absent.append(difference)
    found = [ShownLine(line, ", ".join(notes.get(n, ()))) for n, line in enumerate(text.splitlines(), 1)]
    return found + list(_elsewhere(absent))


def differences(profile: Profile, default: Profile) -> list[str]:
    """Key by key, the default's value and then the profile's."""
    return [f"{d.key}: {shown(d.right)} → {shown(d.left)}" for d in diff(profile, default)]


def problem_place(problem: str, source: str) -> tuple[int, str]:
    """(line from 1, what is wrong) of one of a `ProfileError`'s problems in `source`."""
    where, _colon, what = problem.removeprefix(f"{source}:").partition(": ")
    line = where.partition(":")[0]
    return (int(line), what) if line.isdecimal() else (1, problem)


def shown(value: Any) -> str:
    return _("(not set)") if value is None else json.dumps(value, ensure_ascii=False)


def _elsewhere(absent: Sequence[Difference]) -> Iterator[ShownLine]:
    if absent:
        yield ShownLine("")
        yield ShownLine(_("# Not written here:"))
    for difference in absent:
        yield ShownLine(f"# {difference.key}", shown(difference.right))


def machine_text(machine: Machine) -> Content:
    lines = [Content.assemble((_(row.label), "bold"), f"  {row.value}") for row in hardware_rows(machine.hardware)]
    lines += [Content(""), Content.styled(_("Suited to it"), "$primary bold")]
    for row in plan_rows(machine.plan):
        lines.append(Content.assemble((_(row.label), "bold"), f"  {row.value}"))
        lines.append(Content.styled(f"  {row.reason}", "$foreground 60%"))
    return Content("\n").join(lines)


def fit_lines(profile: Profile, machine: Machine) -> list[str]:
    """Whether `profile` can run on this machine, and why; where it cannot, what to do."""
    hardware, plan = machine.hardware, machine.plan
    if found := obstacles(profile, hardware):
        return [
            _("Fits: no."),
            *(f"✗ {_(obstacle)}" for obstacle in found),
            _("Use auto, which is made for this machine."),
        ]
    verdict = _("Fits: yes.") if plan.fits else _("Fits: no.")
    if profile.asr is None or profile.asr.options.get("model", "auto") in ("auto", plan.model):
        verdict += f" {plan.model}: {plan.reasons['model']}"
    return [verdict, *(f"! {warning}" for warning in mismatches(profile, hardware))]


def marked_text(text: str, profile: Profile, default: Profile) -> Content:
    lines = [
        Content.assemble(f"* {line.text}", (f"   # auto: {line.note}", "$text-warning"))
        if line.note
        else Content(f"  {line.text}")
        for line in marked(text, profile, default)
    ]
    return Content("\n").join(lines)
