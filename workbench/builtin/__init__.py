"""The engines that need no model: capture, energy VAD, subtitles."""

from __future__ import annotations

from workbench.hookspecs import Register, hookimpl


@hookimpl
def register_engines(register: Register) -> None:
    from workbench.builtin.energy import EnergyDetector
    from workbench.builtin.file import FileCapture
    from workbench.builtin.fixed import FixedDetector
    from workbench.builtin.microphone import MicrophoneCapture
    from workbench.builtin.subtitles import SubtitleExporter

    register(MicrophoneCapture)
    register(FileCapture)
    register(EnergyDetector)
    register(FixedDetector)
    register(SubtitleExporter)
