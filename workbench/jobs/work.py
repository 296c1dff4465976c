"""Does what is left of a job: the one way in which a file becomes subtitles that outlives its process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from workbench import events, paths
from workbench.disk import disk
from workbench.engines import StageKind
from workbench.errors import DiskFull, JobRefused, OutputError, WorkbenchError, first_error
from workbench.jobs.checkpoint import Failure, Identity, State, StepDown
from workbench.jobs.identity import identify
from workbench.jobs.job import Job
from workbench.jobs.keeper import Keeper, count_deaths, failure_of
from workbench.jobs.request import Request, pinned, request_of, stepped_down
from workbench.node import Emit
from workbench.outputs import refuse_taken
from workbench.pipeline import Pipeline
from workbench.plan import Plan
from workbench.profiles.stepping import Step, one_by_one, step_down
from workbench.session import Session
from workbench.speech.cache import ActivityCache, activity_key
from workbench.stage_errors import is_out_of_memory
from workbench.stages import Stages
from workbench.threads import to_thread, uninterrupted
from workbench.transcribe import Drifted, Result, prepare, transcribe

TOLERANCE: Final = 5
"""Items of one stage that fail in a row and end a job; of fewer, the rest is done first."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a request comes down to, with its file as it is now."""

    request: Request
    """With "auto" filled in."""
    identity: Identity
    duration: float | None
    """Seconds of audio; None: the file does not say."""
    status: tuple[int, int] | None
    """Size and time of the file."""


@dataclass(frozen=True, slots=True)
class Running:
    """What works on a job."""

    plan: Plan
    stages: Stages
    pipeline: Pipeline


async def look(request: Request, session: Session) -> Looked:
    """Find out what there is to be done, before anything is loaded. Reads the whole file, a moment for each gigabyte.

    Raises what makes it impossible: what `Session.plan` and `Session.look_into` raise, and `InputError`.
    """
    beside, path = session.beside(request.profile), request.targets.path
    plan = _plan(beside, request)
    request = replace(request, profile=pinned(request.profile, plan))
    duration = await to_thread(beside.look_into, path, request.settings)
    status = status_of(path)
    return Looked(request, await identify(request, plan, session.registry), duration, status)


def status_of(path: Path) -> tuple[int, int] | None:
    """What changes when a file does; None: it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def is_done(job: Job, request: Request) -> bool:
    """Whether `job`, as it was stored, has made all files of `request`, and they are there."""
    if job.checkpoint.state is not State.FINISHED or request.targets.overwrite or not request.targets.paths:
        return False
    try:
        made = replace(request_of(job.checkpoint).targets, overwrite=False)  # whether it had to, is no matter now
    except JobRefused:  # of another version
        return False
    return made == request.targets.absolute() and all(path.exists() for path in request.targets.paths)


async def work(
    job: Job,
    request: Request,
    session: Session,
    emit: Emit,
    stopped_as: Callable[[], State] = lambda: State.PAUSED,
    began: Callable[[Running], None] = lambda running: None,
) -> Result:
    """Do what is left of `job`, and close it: how it ended, its checkpoint says.

    Where memory runs out it goes on with less, step by step, as `workbench.profiles.stepping` has it; the steps are
    among the warnings of what it makes.

    `began` gets what works on it, when its engines are loaded. When cancelled it is in the state that `stopped_as`
    tells then, whatever fails on the way, which its history has; when the disk is full it is paused. Raises
    `UsageError` when files are in its way, and what `transcribe` raises.
    """
    try:
        may_have_written = bool(job.results) or job.checkpoint.state in (State.RUNNING, State.FINISHED)
        if not may_have_written and not request.targets.overwrite:
            refuse_taken(request.targets.paths)
        await disk().run(partial(prepare, request.targets))
        path = request.targets.path.absolute()
        before = len(job.checkpoint.failures)
        await _save(job, state=State.RUNNING, path=path, request=request.to_dict(), failures_before=before)
        await disk().run(partial(count_deaths, job))
        result = await _with_what_fits(job, request, session, emit, began)
    except asyncio.CancelledError as cancelled:
        await _end(job, stopped_as(), cancelled.__cause__)
        raise
    except Exception as error:
        if _is_cancelled():  # what was asked for goes before what failed meanwhile
            await _end(job, stopped_as(), error)
            raise asyncio.CancelledError from error
        await _end(job, State.PAUSED if isinstance(error, DiskFull) else State.FAILED, error)
        raise
    else:
        await _end(job, State.FINISHED)
        return result
    finally:
        job.close()


async def _with_what_fits(
    job: Job, request: Request, session: Session, emit: Emit, began: Callable[[Running], None]
) -> Result:
    """Run with less and less until memory is enough, and windows one by one where texts drift.

    What is stored is taken up each time, but for texts that drifted.
    """
    while True:
        request = stepped_down(request, job.checkpoint)
        try:
            # in a task of its own: on Python 3.11 a group whose task failed leaves the task it is in as if cancelled
            result = await asyncio.ensure_future(_run(job, request, session.beside(request.profile), emit, began))
        except Exception as error:
            if _is_cancelled() or (step := _next_step(job, request, session, error)) is None:
                raise
            _log.warning("job %s: %s (%s)", job.name, step.said, error)
            failures = (*job.checkpoint.failures, failure_of(error))
            if isinstance(error, Drifted):
                await disk().run(job.forget)
        else:
            said = (step.said for step in job.checkpoint.steps)
            return replace(result, warnings=(*said, *result.warnings))
        taken = StepDown(profile=step.profile.to_dict(), said=step.said)
        await _save(job, steps=(*job.checkpoint.steps, taken), failures=failures)
        await session.release(None)  # or there would have to be memory for both
        emit(events.Resumed(position=0.0))


def _next_step(job: Job, request: Request, session: Session, error: Exception) -> Step | None:
    """With what to go on after `error`; None: nothing would help."""
    if isinstance(error, Drifted):
        return one_by_one(request.profile, str(error))
    if not isinstance(error, WorkbenchError) or error.stage is None or not is_out_of_memory(error):
        return None
    language = request.settings.language or job.checkpoint.language
    return step_down(request.profile, session.registry, StageKind(error.stage), language)


def _plan(session: Session, request: Request) -> Plan:
    return session.plan(request.settings, speak=request.targets.speech is not None)


async def _run(job: Job, request: Request, session: Session, emit: Emit, began: Callable[[Running], None]) -> Result:
    plan = _plan(session, request)
    let_go = session.hold(plan)
    try:
        stages = await session.load(plan)
        return await _transcribe(job, request, session, stages, emit, lambda pipe: began(Running(plan, stages, pipe)))
    finally:
        let_go()


async def _transcribe(
    job: Job, request: Request, session: Session, stages: Stages, emit: Emit, began: Callable[[Pipeline], None]
) -> Result:
    targets, settings = request.targets, request.settings
    capture = session.bounded(targets.path)
    activities = ActivityCache(paths.cache_dir() / "activity")
    key = _activity_key(job.checkpoint.identity)
    keeper = Keeper(job, activities, key, await to_thread(activities.get, key))

    def observe(event: events.Event) -> None:
        if isinstance(event, events.Ready) and event.duration is not None:
            keeper.keep_duration(event.duration)
        emit(event)

    try:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(keeper.write())
            result = await transcribe(
                session,
                stages,
                targets,
                settings,
                observe,
                capture=capture,
                kept=keeper,
                tolerance=TOLERANCE,
                may_drift=one_by_one(request.profile, "") is None,
                began=began,
            )
            writing.cancel()
    except BaseExceptionGroup as group:
        error = first_error(group)
        raise error from error.__cause__
    finally:
        await uninterrupted(asyncio.ensure_future(keeper.end()))
    return result


def _activity_key(identity: Identity) -> str:
    detector = {name: value for name, value in identity.profile[StageKind.VAD].items() if name != "core"}
    return activity_key(
        identity.content, identity.profile.get(StageKind.CAPTURE), detector, identity.plugins, identity.models
    )


async def _save(job: Job, **changes: Any) -> None:
    await disk().run(lambda: job.save(replace(job.checkpoint, **changes)))


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _end(job: Job, state: State, error: BaseException | None = None) -> None:
    """Say on disk how it ended, and what went wrong."""
    if isinstance(error, Exception):
        _log.info("job %s ended as %s: %s", job.name, state, error)
        failures = (*job.checkpoint.failures, failure_of(error))
    else:
        failures = job.checkpoint.failures
    await uninterrupted(asyncio.ensure_future(_save_end(job, state, failures)))


async def _save_end(job: Job, state: State, failures: tuple[Failure, ...]) -> None:
    """Where that cannot be, it looks like one that was interrupted, which is as good."""
    try:
        await _save(job, state=state, failures=failures)
    except OutputError as unsaved:
        _log.warning("job %s ended as %s, which could not be stored: %s", job.name, state, unsaved)
