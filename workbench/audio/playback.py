"""Speech out of a loudspeaker."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from typing import Any, Final
from uuid import uuid4

from workbench.audio import portaudio
from workbench.audio.devices import OpenStream, open_stream
from workbench.errors import InputError, OutputError
from workbench.threads import to_thread
from workbench.types import AudioChunk, Samples

AHEAD_S: Final = 10.0
"""Of sound that waits before `play` does."""
AFTER_S: Final = 0.3
"""What the room still gives back after the last sample."""
_IDLE_S: Final = 2.0
"""Without sound, then the device is let go: others may sleep or be looked for meanwhile."""
_STALLED_S: Final = 5.0
"""Without a step, then the device is wedged."""
_BLOCK_S: Final = 0.05
_LATENCY_S: Final = 0.1


class Player:
    """Plays what it is given, in order. All is called on one loop, but `active`, which any thread may read."""

    def __init__(self, device: str | None = None) -> None:
        """`device` is an id or a name of `workbench devices`; None: the default output."""
        self._device = device
        self._output: OpenStream | None = None
        self._token = ""
        """Of the newest stream."""
        self._parts: deque[Samples] = deque()
        self._waiting = 0
        """Samples in `_parts`, at the device's rate."""
        self._silent_at = 0.0
        """Monotonic time at which all that was handed out has been heard."""
        self._idle_s = 0.0
        """Of silence that was handed out since."""
        self._why = ""
        """Why sound was lost, until it is raised."""
        self._lock = threading.Lock()
        """Held for microseconds, by the device's thread too."""
        self._stepped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def active(self) -> bool:
        """Sound is on its way, is heard, or was within the last `AFTER_S`."""
        return self._waiting > 0 or time.monotonic() < self._silent_at + AFTER_S

    async def play(self, audio: AudioChunk) -> None:
        """Put `audio` behind what waits; returns when less than `AHEAD_S` was before it. One call at a time.

        Raises `MissingError` and `OutputError` when there is no such device, or it cannot be used any more: what
        waited is gone then, and the next call opens it again.
        """
        self._loop = asyncio.get_running_loop()
        self._raise_lost()
        samples, sample_rate = await to_thread(self._prepare, audio)
        while self._waiting > AHEAD_S * sample_rate:
            await self._step()
        with self._lock:
            self._parts.append(samples)
            self._waiting += len(samples)

    async def drain(self) -> None:
        """Return when all was heard. Raises `OutputError` when it cannot be."""
        while self._waiting:
            await self._step()
        self._raise_lost()
        await asyncio.sleep(max(0.0, self._silent_at - time.monotonic()))

    def stop_now(self) -> None:
        """Forget what waits. What the device has already is heard, a tenth of a second or so."""
        with self._lock:
            self._parts.clear()
            self._waiting = 0
        self._stepped.set()

    async def close(self) -> None:
        """Stop, and let the device go."""
        self.stop_now()
        if output := self._taken():
            await to_thread(portaudio.close, output.stream)

    def _prepare(self, audio: AudioChunk) -> tuple[Samples, int]:
        import soxr

        with self._lock:
            self._idle_s, output = 0.0, self._output
        if output is None:
            self._output = output = self._open()
        sample_rate = output.device.sample_rate
        return soxr.resample(audio.samples, audio.sample_rate, sample_rate), sample_rate

    def _open(self) -> OpenStream:
        self._token = token = uuid4().hex
        try:
            return open_stream(
                self._device,
                "output",
                self._fill,
                finished=lambda: self._finished(token),
                block_s=_BLOCK_S,
                latency_s=_LATENCY_S,
                token=token,
            )
        except InputError as error:  # the sound server hangs
            raise OutputError(f"speech cannot be played: {error.message}", hint=error.hint) from error

    async def _step(self) -> None:
        """Wait until some of what waits was handed out. Raises `OutputError` when that does not happen."""
        self._stepped.clear()
        try:
            async with asyncio.timeout(_STALLED_S):
                await self._stepped.wait()
        except TimeoutError:
            self._lose(f"it took nothing for {_STALLED_S:g} s")
            await self.close()
        self._raise_lost()

    def _raise_lost(self) -> None:
        why, self._why = self._why, ""
        if why:
            raise OutputError(f"speech cannot be played: {why}", hint="Choose another output of: workbench devices")

    def _fill(self, out: Any, count: int, times: Any, status: Any) -> None:
        """PortAudio's callback, in its thread. `out` has the shape (count, 1)."""
        with self._lock:
            filled = 0
            while filled < count and self._parts:
                part = self._parts.popleft()
                taken = min(len(part), count - filled)
                out[filled : filled + taken, 0] = part[:taken]
                filled += taken
                if taken < len(part):
                    self._parts.appendleft(part[taken:])
            out[filled:] = 0.0
            if filled:
                delay_s = max(0.0, times.outputBufferDacTime - times.currentTime)
                self._silent_at = time.monotonic() + delay_s + _BLOCK_S * filled / count
                self._waiting -= filled
            self._idle_s = 0.0 if filled else self._idle_s + _BLOCK_S
            is_idle = self._idle_s > _IDLE_S
            if is_idle:
                idle, self._output = self._output, None
        if filled:
            self._tell()
        elif is_idle:
            if idle:
                portaudio.close_later(idle.stream)
            raise portaudio.load().CallbackStop

    def _finished(self, token: str) -> None:
        """PortAudio's, in its thread: the stream has ended. Of one that was let go before nobody has to know."""
        if token == self._token and (output := self._taken()):
            if self._waiting:
                self._lose(f"{output.device.name!r} stopped")
            portaudio.close_later(output.stream)

    def _lose(self, why: str) -> None:
        with self._lock:
            self._parts.clear()
            self._waiting = 0
        self._why = why
        self._tell()

    def _taken(self) -> OpenStream | None:
        """The output, for the one who closes it."""
        with self._lock:
            output, self._output = self._output, None
        return output

    def _tell(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._stepped.set)
