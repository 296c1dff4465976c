"""Makes the pictures of this folder: the real workbench in a terminal, with keys typed, on the speech of `samples/`.

    make screenshots, or python -m docs.screenshots.make

It takes three minutes, as the speech is played at its own speed. Engines and figures are real, so pictures differ from
machine to machine; files go to folders that are deleted afterwards. Needs Linux or macOS, what requirements-dev.txt
names, and fonts (Debian and Ubuntu: apt install fonts-dejavu-core fonts-dejavu-extra fonts-noto-cjk).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

try:
    from PIL import Image, ImageDraw, ImageFont

    from tests.tui.terminal import Terminal
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is missing: pip install -r requirements-dev.txt") from error
from benchmarks import recording
from workbench.audio.decode import decode
from workbench.tui.choices import Choices, save

HERE: Final = Path(__file__).parent
WIDE: Final = (120, 36)
STACKED: Final = (110, 32)
SMALL: Final = (80, 24)
INTERIM: Final = 24
"""Italic characters, from which on a picture shows well that text is interim."""
_LAYOUT: Final = {"live": {"language": "en", "target_language": "pt"}}
_CELL: Final = (10, 21)
_BASELINE: Final = 16
_MARGIN: Final = 8
_COLOURS: Final = 256


def main() -> None:
    fonts = Fonts()
    with tempfile.TemporaryDirectory() as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"WORKBENCH_{name}_DIR"] = f"{home}/{name.lower()}"
        for name in ("SSH_TTY", "NO_COLOR", "WORKBENCH_PROFILE", "WORKBENCH_NO_PLUGINS"):
            os.environ.pop(name, None)
        _welcome(fonts)
        _live_and_engines(fonts)
        _light(fonts)
        _chinese(fonts)
        _small(fonts)
        _sessions_and_notices(fonts)
        _jobs(fonts, Path(home, "talks"))


# what is pictured


def _welcome(fonts: Fonts) -> None:
    save(Choices(layout=_LAYOUT))
    with _workbench(size=SMALL) as terminal:
        terminal.shows("Suggested for it")
        _picture(terminal, fonts, "welcome")
        terminal.type("\r")
        terminal.shows("2/3")
        terminal.type("\r")
        terminal.shows("Recognized in")
        _picture(terminal, fonts, "welcome-sample")


def _live_and_engines(fonts: Fonts) -> None:
    save(Choices(welcomed=True, layout=_LAYOUT))
    with _workbench() as terminal:
        _record(terminal, "dialogue.flac", seconds=25)
        _picture(terminal, fonts, "live")
        terminal.type("4")
        terminal.shows("Err")
        _type(terminal, "/", "faster", "\r", "o")
        terminal.shows("Apply and save")
        _picture(terminal, fonts, "options")
        _type(terminal, "\x1b", "/", "\x7f" * len("faster"), "\r", "g")
        while "Chosen by profile" not in terminal.text:
            _press(terminal, "j")
        _picture(terminal, fonts, "plugins")
        terminal.type("3")
        terminal.shows("Suited to it")
        terminal.shows("Fits:")
        _picture(terminal, fonts, "profile")
        _type(terminal, "1", "r")
        terminal.shows("Saved as session")


def _light(fonts: Fonts) -> None:
    with _workbench("--theme", "workbench-light") as terminal:
        _record(terminal, "talk.mp4", seconds=25)
        _picture(terminal, fonts, "live-light")
        terminal.type("r")
        terminal.shows("Saved as session")


def _chinese(fonts: Fonts) -> None:
    with _workbench("--lang", "zh") as terminal:
        _record(terminal, "dialogue.flac", seconds=25, ready="就绪")
        _picture(terminal, fonts, "live-zh")
        terminal.type("r")
        terminal.shows("已保存为会话")


def _small(fonts: Fonts) -> None:
    """Ends with the program killed: its session counts as interrupted."""
    with _workbench(size=SMALL) as terminal:
        _record(terminal, "talk.mp4", seconds=16)
        _picture(terminal, fonts, "live-80x24")


def _sessions_and_notices(fonts: Fonts) -> None:
    save(Choices(screen="sessions", welcomed=True, layout=_LAYOUT))
    with _workbench(size=STACKED) as terminal:
        terminal.shows("interrupted !")
        terminal.shows("READY")
        _type(terminal, "G", "r", "Dialogue", "\r")
        terminal.shows("Dialogue · dialogue.flac")
        _picture(terminal, fonts, "sessions")
        _type(terminal, "g", "R")
        terminal.shows("is finished.")
        _type(terminal, "7")
        _picture(terminal, fonts, "notices")


def _jobs(fonts: Fonts, folder: Path) -> None:
    """Half-way through a longer file."""
    folder.mkdir()
    for sample in ("dialogue.flac", "talk.mp4"):
        shutil.copy(Path("samples", sample), folder)
    speech = np.concatenate([chunk.samples for chunk in decode(folder / "dialogue.flac")])
    recording.write(folder / "会议 lecture.wav", np.tile(speech, 12))
    save(Choices(welcomed=True, layout=_LAYOUT))
    with _workbench() as terminal:
        terminal.shows("READY")
        _type(terminal, "2", "a", str(folder), "\r")
        terminal.until(lambda: re.search(r" [3-7]\d %", terminal.text) is not None, "half of a file")
        _picture(terminal, fonts, "jobs")


@contextmanager
def _workbench(*arguments: str, size: tuple[int, int] = WIDE) -> Iterator[Terminal]:
    with Terminal(
        "-m", "workbench", *arguments, size=size, env={"TEXTUAL_FILTERS": "dim"}, patience_s=90.0
    ) as terminal:
        yield terminal


def _record(terminal: Terminal, sample: str, seconds: int, ready: str = "READY") -> None:
    """Play a sample as if it were live, until some of its text is interim."""
    terminal.shows(ready)
    _type(terminal, "d", "\t", f"samples/{sample}", "\r", "r")
    terminal.until(lambda: _recorded(terminal) >= seconds, f"second {seconds}")
    terminal.until(lambda: _italics(terminal) >= INTERIM, "interim text")


def _type(terminal: Terminal, *keys: str) -> None:
    """Each when the one before was answered: a key may move the focus, and the next one is for what has it then."""
    for key in keys:
        _press(terminal, key)


def _press(terminal: Terminal, key: str) -> None:
    before = len(terminal.written)
    terminal.type(key)
    terminal.until(lambda: len(terminal.written) > before, "an answer")
    terminal.read_for(0.4)


def _recorded(terminal: Terminal) -> int:
    """Seconds, of the first minute."""
    found = re.search(r"● 0:(\d\d)", terminal.text)
    return int(found[1]) if found else -1


def _italics(terminal: Terminal) -> int:
    return sum(cell.italics for row in terminal.screen.buffer.values() for cell in row.values() if cell.data != " ")


# how a picture is drawn


class Fonts:
    """Raises `SystemExit` with what to install."""

    def __init__(self) -> None:
        try:
            self._fonts = {
                (False, False, False): ImageFont.truetype("DejaVuSansMono.ttf", 17),
                (False, True, False): ImageFont.truetype("DejaVuSansMono-Bold.ttf", 17),
                (False, False, True): ImageFont.truetype("DejaVuSansMono-Oblique.ttf", 17),
                (False, True, True): ImageFont.truetype("DejaVuSansMono-BoldOblique.ttf", 17),
                (True, False, False): ImageFont.truetype("NotoSansCJK-Regular.ttc", 18, index=2),
                (True, True, False): ImageFont.truetype("NotoSansCJK-Bold.ttc", 18, index=2),
            }
        except OSError as error:
            raise SystemExit(f"{error}: apt install fonts-dejavu-core fonts-dejavu-extra fonts-noto-cjk") from error

    def of(self, cell: Any) -> ImageFont.FreeTypeFont:
        is_wide = "\u2e80" <= cell.data <= "\uffef"
        return self._fonts[is_wide, cell.bold, cell.italics and not is_wide]


def _picture(terminal: Terminal, fonts: Fonts, name: str) -> None:
    """Draw what is on the terminal."""
    terminal.read_for(0.1)
    width, height = _CELL
    size = (terminal.columns * width + 2 * _MARGIN, terminal.rows * height + 2 * _MARGIN)
    image = Image.new("RGB", size, f"#{terminal.screen.buffer[terminal.rows - 2][0].bg}")
    draw = ImageDraw.Draw(image)
    cells = [
        (_MARGIN + column * width, _MARGIN + row * height, terminal.screen.buffer[row][column])
        for row in range(terminal.rows)
        for column in range(terminal.columns)
    ]
    for x, y, cell in cells:
        draw.rectangle((x, y, x + width - 1, y + height - 1), f"#{_ground(cell)}")
    for x, y, cell in cells:
        if cell.data.strip():
            ink = f"#{cell.bg if cell.reverse else cell.fg}"
            draw.text((x, y + _BASELINE), cell.data, ink, fonts.of(cell), anchor="ls")
            if cell.underscore:
                draw.line((x, y + _BASELINE + 2, x + width - 1, y + _BASELINE + 2), ink)
    image.quantize(_COLOURS, kmeans=1).save(HERE / f"{name}.png", optimize=True)


def _ground(cell: Any) -> str:
    return str(cell.fg if cell.reverse else cell.bg)


if __name__ == "__main__":
    main()
