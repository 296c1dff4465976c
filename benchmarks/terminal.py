"""What bare `workbench` does on a real terminal: first paint, CPU and bytes while it records, keys while ASR runs.

Speech is played into a sound server's null sink, and recorded from its monitor. Without recognition, what the process
uses is capture, storage, meters and drawing; the main thread alone is the event loop, where all drawing is done. Keys
are pressed while tiny.en captions the speech with interim text: `t` shows and hides the times of captions.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from benchmarks import sound
from benchmarks.machine import described, facts
from tests.tui.terminal import Terminal

SIZES: Final = ((80, 24), (120, 40))
ROUNDS: Final = 5
SECONDS: Final = 20.0
IDLE_S: Final = 5.0
KEYS: Final = 60
TARGETS: Final = {"first_paint_s": 1.0, "cpu_percent": 5.0, "idle_bytes": 0, "key_ms": 50.0}
_PROFILE: Final = """\
schema = 1
name = "measured"
[settings]
language = "en"
[asr]
engine = "faster-whisper"
options = {{ model = "tiny.en", device = "cpu" }}
[live]
detect = {recognize}
recognize = {recognize}
"""
_FRAME: Final = "4 Plugins"
"""In the frame."""
_TIME: Final = re.compile(r"^ +\d+:\d\d", re.MULTILINE)
"""Of a caption."""


def run() -> dict[str, object]:
    figures: dict[str, Any] = {
        "machine": facts("audio-workbench", "textual"),
        "load_before": round(os.getloadavg()[0], 2),
        "seconds": SECONDS,
        "targets": TARGETS,
    }
    with tempfile.TemporaryDirectory() as name, sound.sound_server(Path(name) / "sound") as server:
        server.load("speaker")
        for size in SIZES:
            figures["x".join(map(str, size))] = measured(Path(name), server, size)
    return figures


def measured(folder: Path, server: sound.SoundServer, size: tuple[int, int]) -> dict[str, Any]:
    paints = []
    for _ in range(ROUNDS):
        with opened(folder, server, size, recognize=False) as terminal:
            paints.append(terminal.shows(_FRAME))
    return {
        "first_paint_s": round(median(paints), 3),
        "first_paint_worst_s": round(max(paints), 3),
        **moving(folder, server, size),
        **answered(folder, server, size),
    }


def opened(folder: Path, server: sound.SoundServer, size: tuple[int, int], *, recognize: bool) -> Terminal:
    """Bare `workbench`, which was welcomed before, with folders of its own."""
    names = ("CONFIG", "DATA", "STATE", "CACHE")
    folders = {f"WORKBENCH_{name}_DIR": str(folder / name.lower()) for name in names}
    profile = folder / "measured.toml"
    profile.write_text(_PROFILE.format(recognize=str(recognize).lower()))
    shutil.rmtree(folder / "data", ignore_errors=True)  # a session that was killed would be offered
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state" / "interface.json").write_text(json.dumps({"welcomed": True}))
    environment = {**server.environment, **folders, "WORKBENCH_PROFILE": str(profile)}
    return Terminal("-m", "workbench", size=size, env=environment)


def moving(folder: Path, server: sound.SoundServer, size: tuple[int, int]) -> dict[str, Any]:
    """Nothing, then a recording without recognition."""
    with opened(folder, server, size, recognize=False) as terminal:
        terminal.shows(_FRAME)
        terminal.read(3.0)
        idle_bytes = terminal.read_for(IDLE_S)
        terminal.type("r")
        terminal.shows("REC")
        player = server.play(sound.speech(SECONDS + 5.0, 16_000), 16_000, "speaker")
        terminal.read_for(3.0)
        pid = terminal.process.pid
        loop, process = cpu_s(Path(f"/proc/{pid}/task/{pid}/stat")), cpu_s(Path(f"/proc/{pid}/stat"))
        began = time.monotonic()
        written = terminal.read_for(SECONDS)
        wall = time.monotonic() - began
        loop, process = (
            cpu_s(Path(f"/proc/{pid}/task/{pid}/stat")) - loop,
            cpu_s(Path(f"/proc/{pid}/stat")) - process,
        )
        player.kill()
        player.wait()
    return {
        "idle_bytes": idle_bytes,
        "bytes_per_s": round(written / wall),
        "loop_cpu_percent": round(100 * loop / wall, 1),
        "process_cpu_percent": round(100 * process / wall, 1),
    }


def answered(folder: Path, server: sound.SoundServer, size: tuple[int, int]) -> dict[str, Any]:
    """From a key to the screen that shows what it did, while speech is recognized."""
    delays = []
    with opened(folder, server, size, recognize=True) as terminal:
        terminal.shows("READY")
        terminal.read(3.0)
        terminal.type("r")
        terminal.shows("REC")
        player = server.play(sound.speech(120.0, 16_000), 16_000, "speaker")
        terminal.until(lambda: _TIME.search(terminal.text), "a caption with its time")
        for key in range(KEYS):
            terminal.read_for(0.13)  # keys come at different moments of what is drawn
            pressed = time.monotonic() - terminal.started
            terminal.type("t")
            shown = terminal.until(lambda key=key: bool(_TIME.search(terminal.text)) == bool(key % 2))  # type: ignore[misc]
            delays.append(1000 * (shown - pressed))
        player.kill()
        player.wait()
    cuts = quantiles(delays, n=20, method="inclusive")
    return {
        "key_ms_p50": round(cuts[9], 1),
        "key_ms_p95": round(cuts[18], 1),
        "key_ms_worst": round(max(delays), 1),
    }


def cpu_s(stat: Path) -> float:
    """Of a process, or of one of its threads: user and system time."""
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def report(figures: dict[str, Any]) -> str:
    lines = [f"{described(figures['machine'])}; load before {figures['load_before']}"]
    for size in ("x".join(map(str, size)) for size in SIZES):
        found = figures[size]
        lines += [
            f"{size}: first paint {found['first_paint_s']:.2f} s (worst of {ROUNDS}: "
            f"{found['first_paint_worst_s']:.2f} s); nothing changes: {found['idle_bytes']} bytes in {IDLE_S:.0f} s",
            f"  recording: loop {found['loop_cpu_percent']:.1f} % of a core, process "
            f"{found['process_cpu_percent']:.1f} %, {found['bytes_per_s']} bytes/s",
            f"  keys while ASR runs: p50 {found['key_ms_p50']:.0f} ms, p95 {found['key_ms_p95']:.0f} ms, "
            f"worst {found['key_ms_worst']:.0f} ms, of {KEYS}",
        ]
    targets = figures["targets"]
    lines.append(
        f"targets: first paint {targets['first_paint_s']:.1f} s, {targets['cpu_percent']:.0f} % of a core, "
        f"{targets['idle_bytes']} bytes, keys {targets['key_ms']:.0f} ms"
    )
    return "\n".join(lines)
