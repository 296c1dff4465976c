from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import InputError, UsageError
from workbench.subtitles import write
from workbench.subtitles.files import load, named_language, written_language
from workbench.types import Cue


def test_a_file_is_read_by_its_suffix_and_sorted(tmp_path: Path) -> None:
    path = tmp_path / "a.SRT"
    path.write_bytes(write([Cue(5, 6, "b")], "srt") + write([Cue(1, 2, "a")], "srt"))
    assert [cue.text for cue in load(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "data", "error", "said"),
    [
        ("none.srt", None, UsageError, "no such file"),
        ("a.mp4", b"x", UsageError, "no suffix of a subtitle format"),
        ("a.srt", b"\xff\xfe\xff", InputError, "a.srt"),
        ("a.ttml", b"<tt", InputError, "a.ttml"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, data: bytes | None, error: type[Exception], said: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(error, match=said):
        load(tmp_path / name)


def test_a_folder_and_a_giant_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.srt").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "a.srt")
    with (tmp_path / "b.srt").open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(InputError, match="too large"):
        load(tmp_path / "b.srt")


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.de.srt", "de"),
        ("a.pt-BR.srt", "pt-BR"),
        ("a.ger.srt", "de"),
        ("a.srt", None),
        ("a.forced.srt", None),
        ("a.b.c.zh.vtt", "zh"),
    ],
)
def test_a_name_says_the_language(name: str, language: str | None) -> None:
    assert named_language(Path("folder.en") / name) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello, world.", None),
        ("今天天气很好", "zh"),
        ("今日は天気がいい", "ja"),
        ("コーヒー", "ja"),
        ("오늘 날씨가 좋아요", "ko"),
        ("สวัสดีครับ", "th"),
        ("I like 寿司 very much.", None),
        ("", None),
        ("123", None),
    ],
)
def test_a_script_gives_some_languages_away(text: str, language: str | None) -> None:
    assert written_language([text]) == language
