"""PortAudio, for all of this process: one call at a time, never for longer than a caller has patience.

PortAudio is not thread-safe, and a call of it hangs for as long as the sound server does. So each runs in a thread of
its own, under one lock, and is given up after some seconds; what it opens later is closed again.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Final, TypeVar

from workbench.errors import InputError, MissingError

T = TypeVar("T")

PATIENCE_S: Final = 5.0
"""The longest that a caller waits: a Bluetooth headset takes 2 s to change its profile."""
_CLOSING_S: Final = 1.0
_INSTALL: Final = {
    "apt-get": "sudo apt-get install libportaudio2 libasound2-plugins",
    "dnf": "sudo dnf install portaudio alsa-plugins-pulseaudio",
    "pacman": "sudo pacman -S portaudio alsa-plugins",
    "zypper": "sudo zypper install libportaudio2 alsa-plugins-pulse",
    "apk": "sudo apk add portaudio alsa-plugins-pulse",
}
_lock = threading.Lock()
_users = 0
"""Calls that run and streams that are open."""
_silenced: int | None = None
"""C's own stderr, while PortAudio is in use."""


def how_to_install() -> str:
    """The command that brings PortAudio to this machine."""
    if sys.platform != "linux":  # there sounddevice has it inside
        return "pip install --force-reinstall sounddevice"
    found = (command for tool, command in _INSTALL.items() if shutil.which(tool))
    return next(found, "Install PortAudio 19 with your system's packages.")


@cache
def load() -> Any:
    """The module sounddevice. Raises `MissingError` where it or PortAudio is not there."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise MissingError("PortAudio is not on this machine: no device can be used", hint=how_to_install()) from error
    # Its own handler stops streams and terminates PortAudio, which hangs for as long as the sound server does.
    atexit.unregister(sounddevice._exit_handler)
    atexit.register(_terminate, sounddevice)
    return sounddevice


def call(
    work: Callable[[Any], T],
    *,
    undo: Callable[[T], object] | None = None,
    at_any_time: bool = False,
    patience_s: float = PATIENCE_S,
) -> T:
    """`work(sounddevice)`, alone. Blocks; raises what it raises, `MissingError`, and `InputError` when it hangs.

    What comes too late goes to `undo`, in another thread. When its turn does not come in time it is not done at all, or
    `at_any_time`.
    """
    sounddevice, result = load(), Future[T]()
    _start(_work, result, work, sounddevice)
    try:
        return result.result(patience_s)
    except TimeoutError:
        if (at_any_time or not result.cancel()) and undo:
            result.add_done_callback(lambda late: None if late.exception() else _start(undo, late.result()))
        raise InputError(
            f"the sound server gave no answer for {patience_s:g} s", hint="Start the sound server again."
        ) from None


def refresh(sounddevice: Any) -> None:
    """Let PortAudio look for devices again; for use inside `call`. Not while a stream is open, which it would end.

    PortAudio lists devices only when it starts, and sounddevice has no public name for starting it again. Its private
    `_initialize` would also close stderr to all threads for that time, and so swallow what a screen draws.
    """
    if _users == 1:
        sounddevice._lib.Pa_Terminate()
        sounddevice._check(sounddevice._lib.Pa_Initialize(), "PortAudio does not start")


def start(sounddevice: Any, stream: Any) -> Any:
    """Start a stream that was just made; for use inside `call`. Pairs with `close`."""
    global _users
    try:
        stream.start()
    except BaseException:
        stream.close(ignore_errors=True)
        raise
    _users += 1
    return stream


def close(stream: Any) -> None:
    """End a stream at once. One that hangs is left to a thread of its own: nothing is to be had from it any more."""
    with suppress(InputError):
        call(lambda sounddevice: _end(stream), at_any_time=True, patience_s=_CLOSING_S)


def close_later(stream: Any) -> None:
    """The same, for PortAudio's own threads: a stream cannot be closed in its."""
    _start(close, stream)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; for use inside `call`, which keeps others from reading them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _work(result: Future[T], work: Callable[[Any], T], sounddevice: Any) -> None:
    global _users
    with _lock:
        if not result.set_running_or_notify_cancel():
            return
        _users += 1
        _silence(_users)
        try:
            made = work(sounddevice)
        except BaseException as error:
            result.set_exception(error)
        else:
            result.set_result(made)
        _users -= 1
        _silence(_users)


def _start(target: Callable[..., object], *args: object) -> None:
    threading.Thread(target=target, args=args, name="portaudio", daemon=True).start()


def _end(stream: Any) -> None:
    global _users
    _users -= 1
    stream.abort(ignore_errors=True)  # of a device that is gone nothing can be stopped; closing frees what it holds
    stream.close(ignore_errors=True)


def _terminate(sounddevice: Any) -> None:
    """At exit some drivers keep a device that was not let go; one that hangs is kept anyway."""
    if _lock.acquire(timeout=0.5) and not _users:
        sounddevice._lib.Pa_Terminate()


def _silence(users: int) -> None:
    """Keep PortAudio, ALSA and JACK from writing into the screen, from their own threads too, while there are `users`.

    They write to C's `stderr`, which is a variable in glibc. Python writes to the descriptor and goes on to do so.
    """
    global _silenced
    if (pointer := _c_stderr()) is None or bool(users) == (_silenced is not None):
        return
    stderr, null = pointer
    if users:
        _silenced, stderr.value = stderr.value, null
    else:
        stderr.value, _silenced = _silenced, None


@cache
def _c_stderr() -> tuple[ctypes.c_void_p, int] | None:
    """C's variable `stderr`, and a stream that leads nowhere; None where it is no variable."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return None
    libc.fopen.restype = ctypes.c_void_p
    null = libc.fopen(os.devnull.encode(), b"w")
    return (ctypes.c_void_p.in_dll(libc, "stderr"), null) if null else None
