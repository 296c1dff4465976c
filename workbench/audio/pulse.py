"""PulseAudio's devices, and PipeWire's, which speaks its language.

To PortAudio they are all one device, "pulse". Which one it leads to is told by the environment when a stream starts.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

PORT: Final = "pulse"
"""What PortAudio calls it."""
_STREAM: Final = "workbench.stream"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A source or a sink."""

    name: str
    description: str
    sample_rate: int
    channels: int
    is_output: bool
    is_monitor: bool
    is_default: bool


def endpoints() -> list[Endpoint] | None:
    """All sources and sinks; None where there is no server. Blocks for as long as the server hangs."""
    try:
        with _server() as server:
            info = server.server_info()
            return [
                *(_endpoint(source, info.default_source_name, False) for source in server.source_list()),
                *(_endpoint(sink, info.default_sink_name, True) for sink in server.sink_list()),
            ]
    except Exception as error:  # pulsectl is young and libpulse is not everywhere: PortAudio's own list has to do
        _log.info("PulseAudio's devices are not listed: %s", error)
        return None


def variables(token: str, *, source: str | None = None, sink: str | None = None) -> dict[str, str]:
    """What to set in the environment for a stream to lead there, and to be found by `token`."""
    named = {"PULSE_SOURCE": source, "PULSE_SINK": sink}
    properties = f"application.name='Audio Workbench' {_STREAM}={token}"
    return {name: value for name, value in named.items() if value} | {"PULSE_PROP_OVERRIDE": properties}


class SourceWatch:
    """Tells to which source a recording stream leads, first and whenever that changes.

    A server moves the streams of a device that is gone to another one without a word. `told(name, description)` is
    called in the watch's own thread.
    """

    def __init__(self, token: str, told: Callable[[str, str], object]) -> None:
        self._token, self._told = token, told
        self._closed = threading.Event()
        self._at: str | None = None
        self._thread = threading.Thread(target=self._watch, name="pulse-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it: when the stream is closed, or half a second later."""
        self._closed.set()

    def join(self) -> None:
        """Wait until it has ended, but not for a server that hangs."""
        self._thread.join(1.0)

    def _watch(self) -> None:
        try:
            with _server() as server:
                self._follow(server)
        except Exception as error:  # the server is gone: PortAudio's stream ends too, and says so
            _log.info("the source of a stream is not watched any more: %s", error)

    def _follow(self, server: Any) -> None:
        from pulsectl import PulseLoopStop

        def stop(event: Any) -> None:
            raise PulseLoopStop

        server.event_mask_set("source_output")
        server.event_callback_set(stop)
        while not self._closed.is_set():
            self._look(server)
            server.event_listen(timeout=0.5)

    def _look(self, server: Any) -> None:
        outputs = server.source_output_list()
        at = next((output.source for output in outputs if output.proplist.get(_STREAM) == self._token), None)
        source = next((source for source in server.source_list() if source.index == at), None)
        if source is not None and source.name != self._at and not self._closed.is_set():
            self._at = source.name
            self._told(source.name, source.description)


@contextmanager
def _server() -> Iterator[Any]:
    if sys.platform != "linux":
        raise OSError("it is looked for on Linux only")
    import pulsectl

    class Server(pulsectl.Pulse):  # type: ignore[misc]
        """Keeps the rates: pulsectl leaves them in memory of libpulse that the next device overwrites."""

        def _pulse_info_cb(self, *arguments: Any) -> None:
            super()._pulse_info_cb(*arguments)
            _, found, _, _, info, end, user_data = arguments
            if user_data is None and not end and hasattr(info[0], "sample_spec"):
                found[-1].sample_rate = info[0].sample_spec.rate

    server = Server("workbench", connect=False)
    try:
        server.connect()
        yield server
    finally:
        server.close()


def _endpoint(found: Any, default: str, is_output: bool) -> Endpoint:
    return Endpoint(
        name=found.name,
        description=found.description or found.name,
        sample_rate=found.sample_rate,
        channels=found.channel_count,
        is_output=is_output,
        is_monitor=not is_output and found.monitor_of_sink_name is not None,
        is_default=found.name == default,
    )
