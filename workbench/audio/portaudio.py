"""PortAudio, for all of this process: one call at a time, never for longer than a caller has patience.

PortAudio is not thread-safe, and a call of it hangs for as long as the sound server does. So one thread makes them all,
and a caller gives up after some seconds; what is opened later is closed again.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cache, partial
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
_todo: Final[queue.SimpleQueue[Callable[[], object]]] = queue.SimpleQueue()
_loading: Final = threading.Lock()
_streams: Final[list[Any]] = []
"""That are open."""
_silenced: int | None = None
"""C's own stderr, while PortAudio is in use."""


def how_to_install() -> str:
    """The command that brings PortAudio to this machine."""
    if sys.platform != "linux":  # there sounddevice has it inside
        return "pip install --force-reinstall sounddevice"
    found = (command for tool, command in _INSTALL.items() if shutil.which(tool))
    return next(found, "Install PortAudio 19 with your system's packages.")


def load() -> Any:
    """The module sounddevice. Raises `MissingError` where it or PortAudio is not there."""
    with _loading:
        return _loaded()


@cache
def _loaded() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise MissingError("PortAudio is not on this machine: no device can be used", hint=how_to_install()) from error
    ctypes.CDLL(sounddevice._libname)  # keeps its code in memory for its threads, to the very end
    threading.Thread(target=_work_off, name="portaudio", daemon=True).start()
    # Its own handler waits for the sound server, however long that hangs.
    atexit.unregister(sounddevice._exit_handler)
    atexit.register(_leave, sounddevice)
    return sounddevice


def call(
    work: Callable[[Any], T],
    *,
    undo: Callable[[T], object] | None = None,
    at_any_time: bool = False,
    patience_s: float = PATIENCE_S,
) -> T:
    """`work(sounddevice)` in PortAudio's thread. Raises what that raises, `MissingError`, and `InputError` if it hangs.

    What comes too late goes to `undo`, in the same thread. When its turn does not come in time it is not done at all,
    or `at_any_time`.
    """
    sounddevice, result = load(), Future[T]()
    _todo.put(partial(_do, result, work, sounddevice))
    try:
        return result.result(patience_s)
    except TimeoutError:
        if (at_any_time or not result.cancel()) and undo:
            result.add_done_callback(lambda late: None if late.exception() else _later(undo, late.result()))
        raise InputError(
            f"the sound server gave no answer for {patience_s:g} s", hint="Start the sound server again."
        ) from None


def refresh(sounddevice: Any) -> None:
    """Let PortAudio look for devices again; for use inside `call`. Not while a stream is open, which it would end.

    PortAudio lists devices only when it starts, and sounddevice has no public name for starting it again. Its private
    `_initialize` would also close stderr to all threads for that time, and so swallow what a screen draws.
    """
    if not _streams:
        sounddevice._lib.Pa_Terminate()
        sounddevice._check(sounddevice._lib.Pa_Initialize(), "PortAudio does not start")


def start(stream: Any) -> None:
    """Start a stream that was just made; for use inside `call`. Pairs with `end` or `close`."""
    _streams.append(stream)
    try:
        stream.start()
    except BaseException:
        end(stream)
        raise


def end(stream: Any) -> None:
    """End a stream at once; for use inside `call`."""
    _streams.remove(stream)
    stream.abort(ignore_errors=True)  # of a device that is gone nothing can be stopped; closing frees what it holds
    stream.close(ignore_errors=True)


def close(stream: Any) -> None:
    """The same, from anywhere. One that hangs is waited for no longer than a second: nothing is to be had from it."""
    with suppress(InputError):
        call(lambda sounddevice: end(stream), at_any_time=True, patience_s=_CLOSING_S)


def close_later(stream: Any) -> None:
    """The same without waiting, for the stream's own thread too."""
    _later(end, stream)


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


def _later(work: Callable[[T], object], made: T) -> None:
    _todo.put(partial(_do, Future[object](), work, made))


def _work_off() -> None:
    while True:
        _todo.get()()


def _do(result: Future[T], work: Callable[[Any], T], given: Any) -> None:
    if not result.set_running_or_notify_cancel():
        return
    _silence(True)
    try:
        made = work(given)
    except BaseException as error:
        result.set_exception(error)
    else:
        result.set_result(made)
    _silence(bool(_streams))


def _leave(sounddevice: Any) -> None:
    """At exit: let all devices go, which some drivers do not do by themselves, but do not wait for one that hangs."""
    left = threading.Event()

    def leave() -> None:
        while _streams:
            end(_streams[-1])
        sounddevice._lib.Pa_Terminate()
        left.set()

    _todo.put(leave)
    left.wait(_CLOSING_S)


def _silence(is_used: bool) -> None:
    """Keep PortAudio, ALSA and JACK from writing into the screen, from their own threads too, while it `is_used`.

    They write to C's `stderr`, which is a variable in glibc. Python writes to the descriptor and goes on to do so.
    """
    global _silenced
    if (pointer := _c_stderr()) is None or is_used == (_silenced is not None):
        return
    stderr, null = pointer
    if is_used:
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
