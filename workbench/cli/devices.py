"""`workbench devices`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import console

if TYPE_CHECKING:
    from workbench.audio.devices import Device


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List microphones, monitors (what an output plays) and outputs. --device takes an ID or a name."""
    from workbench.audio.devices import devices as find

    found = find()
    if as_json:
        console.print_json([asdict(device) for device in found])
        return
    if found:
        _print_table(found)
    if not any(device.kind != "output" for device in found):
        console.say("There is no microphone or other source: connect one.")


def _print_table(found: list[Device]) -> None:
    table = [("KIND", "ID", "NAME", "RATE", "CHANNELS", "HOST")]
    table += [(_kind(d), d.id, d.name, f"{d.sample_rate} Hz", str(d.channels), d.host) for d in found]
    typer.echo(console.table(table))


def _kind(device: Device) -> str:
    return f"{device.kind} (default)" if device.is_default else device.kind
