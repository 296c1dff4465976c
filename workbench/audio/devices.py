"""The devices of this machine, by names that stay the same between runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from workbench.audio import portaudio, pulse
from workbench.errors import InputError, MissingError, OutputError, did_you_mean
from workbench.phrase import Phrase

Kind = Literal["input", "monitor", "output"]
_HOST_ORDER: Final = ("Windows WASAPI", "Core Audio", "ALSA")
"""Where several hosts know a device, the first of these is listed: it gives the whole name and the device's rate."""


@dataclass(frozen=True, slots=True)
class Device:
    id: str
    """What `--device` and the option `device` take."""
    name: str
    """What people call it."""
    kind: Kind
    """A monitor gives what an output plays."""
    sample_rate: int
    """Hertz, the device's own."""
    channels: int
    is_default: bool
    """Of inputs and monitors together one is, and one of the outputs."""
    host: str
    """What gives access to it, such as "PulseAudio"."""


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A PortAudio stream that runs, and where it leads."""

    device: Device
    stream: Any
    is_pulse: bool
    """Whether a `SourceWatch` finds it."""


def devices() -> list[Device]:
    """What is there now. Blocks; raises `MissingError` without PortAudio, `InputError` when the sound server hangs."""
    return portaudio.call(lambda sounddevice: [device for device, _ in _found(sounddevice)])


def find_device(wanted: str | None, kind: Literal["input", "output"]) -> Device:
    """The device with that id or name, or a part of a name that only one has; None: the default one.

    Monitors are inputs too. Blocks; raises `MissingError` when it is not there, and as `devices` does.
    """
    return portaudio.call(lambda sounddevice: _chosen(sounddevice, wanted, kind)[0])


def open_stream(
    wanted: str | None,
    kind: Literal["input", "output"],
    callback: Callable[..., None],
    *,
    finished: Callable[[], None],
    block_s: float,
    latency_s: float,
    token: str,
) -> OpenStream:
    """Start a mono float32 stream at the device's own rate. `portaudio.close` ends it.

    `callback` and `finished` are called in PortAudio's thread, as sounddevice describes. `token` names the stream to
    the sound server. Blocks; raises as `find_device`, and `InputError` or `OutputError` when the device cannot be used.
    """

    def work(sounddevice: Any) -> OpenStream:
        device, port = _chosen(sounddevice, wanted, kind)
        is_pulse = port == pulse.PORT
        make = sounddevice.InputStream if kind == "input" else sounddevice.OutputStream
        end = {"source" if kind == "input" else "sink": device.id if wanted else None}
        with portaudio.environment(pulse.variables(token, **end) if is_pulse else {}):
            try:
                stream = make(
                    device=port,
                    samplerate=device.sample_rate,
                    channels=1,
                    dtype="float32",
                    blocksize=round(block_s * device.sample_rate),
                    latency=latency_s,
                    callback=callback,
                    finished_callback=finished,
                )
                portaudio.start(stream)
            except sounddevice.PortAudioError as error:
                raise _refusal(device, error) from error
        return OpenStream(device, stream, is_pulse)

    return portaudio.call(work, undo=lambda late: portaudio.end(late.stream))


def _refusal(device: Device, error: Exception) -> InputError | OutputError:
    text = str(error).partition(" [")[0]
    kind = OutputError if device.kind == "output" else InputError
    hint = "Another program may hold it, or privacy settings may forbid it. See: workbench devices"
    return kind(Phrase("{name!r} cannot be opened: {reason}", name=device.name, reason=text), hint=hint)


def _found(sounddevice: Any) -> Iterator[tuple[Device, int | str]]:
    """Each device, and what PortAudio takes for it."""
    portaudio.refresh(sounddevice)
    ports = list(sounddevice.query_devices())
    is_pulse = any(port["name"] == pulse.PORT for port in ports)
    if is_pulse and (endpoints := pulse.endpoints()) is not None:
        for end in endpoints:
            kind: Kind = "output" if end.is_output else "monitor" if end.is_monitor else "input"
            yield (
                Device(end.name, end.description, kind, end.sample_rate, end.channels, end.is_default, "PulseAudio"),
                pulse.PORT,
            )
    else:
        yield from _own(ports, list(sounddevice.query_hostapis()))


def _own(ports: list[dict[str, Any]], hosts: list[dict[str, Any]]) -> Iterator[tuple[Device, int]]:
    """PortAudio's list, of the best host that has any: each host lists the same devices again."""
    with_devices = [host for host in hosts if host["devices"]]
    if not with_devices:
        return
    host = min(with_devices, key=lambda host: (*_HOST_ORDER, host["name"]).index(host["name"]))
    kinds: tuple[Literal["input", "output"], ...] = ("input", "output")
    for kind in kinds:
        seen: Counter[str] = Counter()
        for index in host["devices"]:
            port = ports[index]
            if not (channels := port[f"max_{kind}_channels"]):
                continue
            seen[name := port["name"]] += 1
            device = Device(
                id=name if seen[name] == 1 else f"{name} #{seen[name]}",
                name=name,
                kind=kind,
                sample_rate=round(port["default_samplerate"]),
                channels=channels,
                is_default=host[f"default_{kind}_device"] == index,
                host=host["name"],
            )
            yield device, index


def _chosen(sounddevice: Any, wanted: str | None, kind: Literal["input", "output"]) -> tuple[Device, int | str]:
    known = [pair for pair in _found(sounddevice) if (pair[0].kind == "output") == (kind == "output")]
    what = Phrase("microphone or other source" if kind == "input" else "loudspeaker or other output")
    if not known:
        raise MissingError(Phrase("there is no {what}", what=what), hint="Connect one, then see: workbench devices")
    if wanted is None:
        return next((pair for pair in known if pair[0].is_default), known[0])
    for matches in (
        [pair for pair in known if wanted == pair[0].id],
        [pair for pair in known if wanted.casefold() == pair[0].name.casefold()],
        [pair for pair in known if wanted.casefold() in pair[0].name.casefold()],
    ):
        if len(matches) == 1:
            return matches[0]
    names = [name for device, _ in known for name in (device.id, device.name)]
    raise MissingError(
        Phrase("there is no {what} called {name!r}{meant}", what=what, name=wanted, meant=did_you_mean(wanted, names)),
        hint="See: workbench devices",
    )
