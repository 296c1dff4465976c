"""Small videos with a picture and a tone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16_000


def write_video(path: Path, *, seconds: float = 4.0, start_s: float = 0.0, title: str = "") -> Path:
    """A grey picture at 10 Hz and a tone of 440 Hz, both from `start_s` on; the suffix of `path` says the container."""
    import av

    with av.open(str(path), "w") as out:
        is_ts = path.suffix == ".ts"
        pictures: Any = out.add_stream("mpeg2video" if is_ts else "mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound: Any = out.add_stream("mp2" if is_ts else "aac", rate=RATE, layout="mono")
        out.metadata["title"] = title
        for number in range(round(seconds * 25)):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 255, np.uint8), format="rgb24")
            picture.pts, picture.time_base = number + round(start_s * 25), Fraction(1, 25)
            out.mux(pictures.encode(picture))
        tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE) * 32767).astype(np.int16)
        for first in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, first : first + 1024], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, first + round(start_s * RATE)
            frame.time_base = Fraction(1, RATE)
            for resampled in av.AudioResampler(sound.format.name, "mono", RATE).resample(frame):
                out.mux(sound.encode(resampled))
        for stream in (pictures, sound):
            out.mux(stream.encode(None))
    return path
