"""Serves until it is cancelled."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import psutil
import uvicorn
from uvicorn.config import Config

from workbench import paths
from workbench.disk_errors import said_plainly
from workbench.engines import Settings
from workbench.server import job_queue
from workbench.server.access import Access
from workbench.server.activity import Activity
from workbench.server.app import make
from workbench.server.engines import Engines
from workbench.server.job_queue import Jobs
from workbench.server.limits import Limits
from workbench.server.metrics import Metrics
from workbench.server.protocols import protocols
from workbench.server.service import Service, bounds
from workbench.session import Session
from workbench.threads import uninterrupted

_PREFIX = "server-"


async def serve(
    session: Session,
    settings: Settings,
    sockets: Sequence[socket.socket],
    access: Access,
    limits: Limits,
    told: Callable[[str], None],
    began: Callable[[Activity], None] = lambda activity: None,
) -> None:
    """Answer on `sockets`, which are closed in the end, until cancelled. `told` gets lines for who runs the server.

    `began` gets what says what the server does, before the first request. When cancelled, nobody new is answered;
    streams are ended as their clients would, and get `limits.shutdown_s` for that; then requests get as long to end.
    """
    engines = Engines(session, settings)
    activity = Activity(engines, limits.sessions)
    began(activity)

    def say(line: str) -> None:
        told(line)
        if problem := engines.problem():
            reason, _, hint = problem.partition("\n")
            activity.failed("engines", reason, hint)

    async with AsyncExitStack() as stack:
        uploads = stack.enter_context(_folder())
        files = session.beside(session.profile, bounds(limits))
        queue = await stack.enter_async_context(job_queue.queue(files))
        await queue.restore()
        jobs = Jobs(files, queue, activity, limits)
        metrics = Metrics(activity.snapshot, jobs.count)
        service = Service(engines, files, jobs, limits, activity, metrics, uploads, int(time.time()))
        server = _Server(_config(service, access))
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(one) for one in (activity.look(), engines.keep_loaded(say), jobs.keep_house())]
            serving = tasks.create_task(server.serve(list(sockets)))
            try:
                await asyncio.shield(serving)
            except asyncio.CancelledError:
                for listening in getattr(server, "servers", ()):
                    listening.close()
                await uninterrupted(asyncio.ensure_future(activity.drain(limits.shutdown_s)))
                server.should_exit = True
                await uninterrupted(asyncio.gather(serving, return_exceptions=True))
                raise
            finally:
                for task in others:
                    task.cancel()
                await uninterrupted(asyncio.gather(*server.server_state.tasks, return_exceptions=True))


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command's."""
        yield


def _config(service: Service, access: Access) -> Config:
    limits = service.limits
    http, websocket = protocols(limits)
    return Config(
        make(service, access),
        loop="asyncio",
        http=http,
        ws=websocket,
        ws_max_size=limits.message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=limits.ping_s,
        ws_ping_timeout=limits.ping_s,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=limits.shutdown_s,
        h11_max_incomplete_event_size=limits.header_bytes,
    )


@contextmanager
def _folder() -> Iterator[Path]:
    """For uploads. Folders of servers that were killed go."""
    parent = paths.data_dir() / "uploads"
    with said_plainly(parent):
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in parent.glob(f"{_PREFIX}*"):
            pid = left.name.removeprefix(_PREFIX).partition("-")[0]
            if pid.isdecimal() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
