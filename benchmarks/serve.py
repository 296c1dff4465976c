"""Many clients of a server at once, then clients that vanish: what the server does, and what it keeps.

The server finds speech with Silero in a process of its own; all clients are in another. Each sends real speech over a
WebSocket of its own, in real time in messages of 100 ms, beginning at another moment. What it should hear, and after
which message, is known from a `StreamProcessor` that hears the same alone. Then clients connect and drop at
random bytes.

WORKBENCH_SERVE_CLIENTS and WORKBENCH_SERVE_SECONDS change how many there are, and how long they send.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final
from urllib.request import urlopen

import psutil

import workbench
from benchmarks.machine import ROOT, described, facts
from benchmarks.serve_clients import STARTS_S
from workbench import Settings, plugins
from workbench.cli.serve import fast_loop
from workbench.profiles.schema import parse_profile
from workbench.session import Session
from workbench.threads import favour_the_loop, limit_arenas

CLIENTS: Final = int(os.environ.get("WORKBENCH_SERVE_CLIENTS", 500))
SECONDS: Final = float(os.environ.get("WORKBENCH_SERVE_SECONDS", 60))
"""Of audio of each client."""
DROPS: Final = 1000
SETTLED_S: Final = STARTS_S + 10.0
"""After which memory should not grow: ten seconds after the last client has begun."""
PROFILE: Final = (
    'schema = 1\nname = "benchmark"\n[vad]\nengine = "silero"\noptions.concurrency = 2\n[asr]\nengine = "nobody"\n'
)
TARGETS: Final = {"latency_p99_ms": 50, "growth_mb": 5}


def run() -> dict[str, object]:
    load = round(os.getloadavg()[0], 2)
    with _server() as (server, url):
        process = psutil.Process(server.pid)
        idle = _state(server, url)
        cpu = sum(process.cpu_times()[:2])
        clients = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serve_clients", "speak", url, str(CLIENTS), str(SECONDS)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        curve = list(_watched(process, clients))
        heard = json.loads(clients.communicate()[0])
        cpu = sum(process.cpu_times()[:2]) - cpu
        _clients("drop", url, str(DROPS))  # after these the batches and arenas are as large as they get
        before = _state(server, url)
        dropped = json.loads(_clients("drop", url, str(DROPS)))
        after = _state(server, url)
    settled = [mb for second, mb in curve if second >= heard["prepared_s"] + SETTLED_S and mb]
    return {
        "machine": facts("audio-workbench", "workbench-silero-vad", "uvicorn", "websockets"),
        "load_before": load,
        "clients": CLIENTS,
        "seconds": SECONDS,
        "heard": heard,
        "cores": cpu / heard["took_s"],
        "cpu_us_a_message": cpu / heard["messages"] * 1e6,
        "rss_mb": {"settled": settled[0] if settled else None, "end": curve[-1][1] if curve else None},
        "states": {"idle": idle, "before_drops": before, "after_drops": after},
        "drops": dropped,
        "targets": TARGETS,
    }


def _clients(*words: str) -> str:
    command = [sys.executable, "-m", "benchmarks.serve_clients", *words]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


@contextmanager
def _server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """One that is ready, and its address."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {f"WORKBENCH_{name}_DIR": folder for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serve"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        try:
            yield server, server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


def _watched(process: psutil.Process, clients: subprocess.Popen[str]) -> Iterator[tuple[float, float]]:
    """Seconds since now, and memory in MB, until the clients are done."""
    began = time.monotonic()
    while clients.poll() is None:
        yield time.monotonic() - began, process.memory_info().rss / 1e6
        time.sleep(0.5)


def _state(server: subprocess.Popen[str], url: str) -> dict[str, float]:
    """Of a server whose sessions have ended."""
    while True:
        with urlopen(f"{url}/metrics") as answer:
            lines = [line.split() for line in answer.read().decode().splitlines()]
        metrics = {line[0]: float(line[1]) for line in lines if len(line) == 2}
        if metrics["workbench_sessions"] == 0:
            break
    assert server.stdout is not None
    server.send_signal(signal.SIGUSR1)
    tasks, process = int(server.stdout.readline()), psutil.Process(server.pid)
    return {
        "rss_mb": process.memory_info().rss / 1e6,
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "tasks": tasks,
        "lag_p99_ms": metrics["workbench_loop_lag_p99_seconds"] * 1e3,
    }


# in the server's process


class Nobody(workbench.Recognizer):
    """A server has to have a recognizer; no stream here uses it."""

    name = "nobody"

    def process(self, item: workbench.Window, state: Settings) -> list[workbench.Transcript]:
        return []

    def detect_language(self, window: workbench.Window) -> str:
        return "en"


async def serve() -> None:
    """Tells its address when it is ready, and at each SIGUSR1 how many tasks there are, without garbage."""
    from workbench.server.access import access, bind, url
    from workbench.server.limits import Limits
    from workbench.server.serving import serve as serve_until_cancelled

    limit_arenas()  # as the command does
    favour_the_loop()
    registry = plugins.load()
    own = SimpleNamespace(register_engines=workbench.hookimpl(lambda register: register(Nobody)))
    registry.add(plugins.Plugin("benchmark", "benchmark", "1"), lambda: own)
    sockets = bind("127.0.0.1", 0)
    limits = Limits(sessions=2 * CLIENTS, sessions_per_client=2 * CLIENTS, handshake_s=2.0)
    loop = asyncio.get_running_loop()

    def tell() -> None:
        gc.collect()
        print(len(asyncio.all_tasks()), flush=True)

    loop.add_signal_handler(signal.SIGUSR1, tell)
    async with Session(parse_profile(PROFILE), registry) as session:
        allowed = access("127.0.0.1", sockets, [], [], None)
        await serve_until_cancelled(
            session, Settings(), sockets, allowed, limits, lambda line: print(url(sockets[0]), flush=True)
        )


def report(figures: dict[str, Any]) -> str:
    heard, states, targets, rss = figures["heard"], figures["states"], figures["targets"], figures["rss_mb"]
    before, after = states["before_drops"], states["after_drops"]
    lines = [
        f"{described(figures['machine'])}; load before {figures['load_before']}",
        f"{figures['clients']} clients, {figures['seconds']:g} s each of {heard['source']}, a message each 100 ms",
        f"  frames: {heard['frames_sent']} sent, {heard['frames_judged']} judged; events: {heard['events']}, of which "
        f"{heard['expected']} are those of a stream alone",
        f"  latency of events: p50 {heard['latency_p50_ms']:.1f} ms, p99 {heard['latency_p99_ms']:.1f} ms "
        f"(target {targets['latency_p99_ms']}); lag of the loop p99 {before['lag_p99_ms']:.1f} ms",
        f"  server: {figures['cores']:.2f} cores, {figures['cpu_us_a_message']:.0f} us a message; clients: "
        f"{heard['cores']:.2f} cores",
        f"  memory: idle {states['idle']['rss_mb']:.0f} MB, once settled {rss['settled'] or 0:.0f} MB, at the end "
        f"{rss['end']:.0f} MB (target: {targets['growth_mb']} MB more at most)",
        f"{figures['drops']['drops']} clients that drop at random bytes, in {figures['drops']['took_s']:.0f} s:",
    ]
    lines += [
        f"  {name.removesuffix('_mb'):<12} {before[name]:.0f} before, {after[name]:.0f} after"
        for name in ("descriptors", "tasks", "threads", "rss_mb")
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    gone = contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt)
    with gone, asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(serve())
