"""Makes the samples from their texts: `python samples/make.py` (needs hibari-tts and py-nanotts).

A line of a text is what one speaker says before the other one answers; an empty line is a longer pause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias

import av
import numpy as np
import numpy.typing as npt
import soxr
from hibari import Hibari
from py_nanotts import NanoTTS

from workbench.types import Samples

FOLDER: Final = Path(__file__).parent
RATE: Final = 16_000
PAUSE_S: Final = 0.6
LONG_PAUSE_S: Final = 1.4
LOUDNESS: Final = 0.08
"""Root mean square of each turn, so that neither voice is louder."""

PICTURE: Final = (180, 320)
PICTURES_PER_S: Final = 2
SECONDS_SHOWN: Final = 4.0
INK: Final = np.array([120, 220, 160], np.uint8)
PAPER: Final = np.array([16, 20, 28], np.uint8)


Voice: TypeAlias = Callable[[str], Samples]


class Cast:
    """Two voices from two engines."""

    def __init__(self) -> None:
        self._hibari = Hibari("heart")
        self._nanotts = NanoTTS()

    def heart(self, text: str) -> Samples:
        samples: Samples = soxr.resample(self._hibari(text, seed=0), 24_000, RATE)
        return samples

    def pico(self, text: str) -> Samples:
        pcm = np.frombuffer(self._nanotts.speak(text, voice="en-GB", speed=0.95), np.int16)
        return pcm.astype(np.float32) / np.float32(32768)


def main() -> None:
    cast = Cast()
    dialogue = (FOLDER / "dialogue.txt").read_text("utf-8").splitlines()
    write_flac(FOLDER / "dialogue.flac", perform(dialogue, [cast.heart, cast.pico]))
    talk = (FOLDER / "talk.txt").read_text("utf-8").splitlines()
    write_mp4(FOLDER / "talk.mp4", perform(talk, [cast.heart]))


def perform(lines: Sequence[str], voices: Sequence[Voice]) -> Samples:
    """Speak the lines with the voices in turn."""
    parts, turn = [silence(PAUSE_S)], 0
    for line in lines:
        if not line:
            parts.append(silence(LONG_PAUSE_S - PAUSE_S))
            continue
        said = voices[turn % len(voices)](line)
        level = np.sqrt(np.mean(np.square(said, dtype=np.float64)))
        parts += [(said * (LOUDNESS / level)).astype(np.float32), silence(PAUSE_S)]
        turn += 1
    return np.clip(np.concatenate(parts), -1.0, 1.0)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def write_flac(path: Path, samples: Samples) -> None:
    with av.open(str(path), "w") as out:
        sound = out.add_stream("flac", rate=RATE, layout="mono", options={"compression_level": "12"})
        out.mux(sound.encode(sound_frame(samples)))
        out.mux(sound.encode(None))


def write_mp4(path: Path, samples: Samples) -> None:
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        film = out.add_stream("libx264", rate=PICTURES_PER_S, options={"crf": "30", "preset": "superfast"})
        film.height, film.width = PICTURE
        film.pix_fmt = "yuv420p"
        sound = out.add_stream("aac", rate=RATE, layout="mono", options={"b": "48k"})
        for i in range(len(samples) * PICTURES_PER_S // RATE + 1):
            frame = av.VideoFrame.from_ndarray(draw(samples, i / PICTURES_PER_S), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, PICTURES_PER_S)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
        out.mux(sound.encode(sound_frame(samples)))
        out.mux(sound.encode(None))


def sound_frame(samples: Samples) -> av.AudioFrame:
    whole = np.rint(samples * 32767).astype(np.int16)[None, :]
    frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
    frame.rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    return frame


def draw(samples: Samples, at: float) -> npt.NDArray[np.uint8]:
    """The waveform around `at`, shape (180, 320, 3); a line in the middle marks the moment that is heard."""
    height, width = PICTURE
    shown = np.concatenate([silence(SECONDS_SHOWN / 2), samples, silence(SECONDS_SHOWN)])
    start = round(at * RATE)
    columns = shown[start : start + round(SECONDS_SHOWN * RATE)].reshape(width, -1)
    reach = np.clip(np.abs(columns).max(axis=1) * 1.6, 0.01, 1.0) * height / 2
    rows = np.abs(np.arange(height) - height / 2)[:, None]
    picture = np.where((rows <= reach)[..., None], INK, PAPER)
    picture[:, width // 2] = 255
    return np.ascontiguousarray(picture, np.uint8)


if __name__ == "__main__":
    main()
