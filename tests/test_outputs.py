from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.outputs import Targets, refuse_taken, targets

KNOWN = ("srt", "vtt", "txt")


def named(*inputs: str, formats: tuple[str, ...] = ("srt",), **options: str | None) -> list[str]:
    found = targets([Path(name) for name in inputs], formats, KNOWN, **options)
    return [path.as_posix() for one in found for path in one.paths]


def test_subtitles_lie_beside_the_input() -> None:
    assert named("talks/a.flac") == ["talks/a.srt"]


def test_each_format_has_a_file() -> None:
    assert named("a.flac", formats=("srt", "vtt")) == ["a.srt", "a.vtt"]


def test_a_translation_and_speech_say_their_language() -> None:
    assert named("a.flac", translation="pt", speech="pt") == ["a.pt.srt", "a.pt.wav"]


def test_a_suffix_of_a_format_makes_output_a_file() -> None:
    assert named("a.flac", output="b.srt") == ["b.srt"]


def test_speech_lies_beside_an_output_file() -> None:
    assert named("a.flac", output="out/b.srt", speech="en") == ["out/b.srt", "out/b.wav"]


def test_a_slash_makes_output_a_folder() -> None:
    assert named("a.flac", output="b.srt/") == ["b.srt/a.srt"]


def test_an_existing_folder_is_a_folder_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "b.srt"
    folder.mkdir()
    assert named("a.flac", output=str(folder)) == [(folder / "a.srt").as_posix()]


def test_several_inputs_or_formats_make_output_a_folder() -> None:
    assert named("a.flac", "b.flac", output="out.srt") == ["out.srt/a.srt", "out.srt/b.srt"]
    assert named("a.flac", output="out.srt", formats=("srt", "txt")) == ["out.srt/a.srt", "out.srt/a.txt"]


def test_without_a_known_suffix_output_is_a_folder() -> None:
    assert named("a.flac", output="talks.v2") == ["talks.v2/a.srt"]


def test_a_dash_is_standard_output() -> None:
    assert targets([Path("a.flac")], ["vtt"], KNOWN, output="-") == [Targets(Path("a.flac"), (("vtt", None),))]


@pytest.mark.parametrize(
    ("inputs", "formats", "speech"),
    [(["a", "b"], ["srt"], None), (["a"], ["srt", "vtt"], None), (["a"], ["srt"], "en")],
)
def test_standard_output_takes_one_file(inputs: list[str], formats: list[str], speech: str | None) -> None:
    with pytest.raises(UsageError, match="-o - takes one file"):
        targets([Path(name) for name in inputs], formats, KNOWN, output="-", speech=speech)


def test_a_format_that_contradicts_the_suffix_is_refused() -> None:
    with pytest.raises(UsageError, match="does not go with --format vtt"):
        named("a.flac", output="b.srt", formats=("vtt",))


def test_two_inputs_never_write_one_file() -> None:
    with pytest.raises(UsageError, match="two inputs would both write"):
        named("a.flac", "a.mp3")


def test_an_input_is_never_overwritten() -> None:
    with pytest.raises(UsageError, match="would be overwritten"):
        named("a.srt")


def test_several_files_that_exist_are_counted(tmp_path: Path) -> None:
    for name in ("a.srt", "a.vtt", "b.srt"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"a\.srt' and 2 more exist already"):
        refuse_taken([tmp_path / name for name in ("a.srt", "a.vtt", "b.srt", "b.vtt")])


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.pdf").touch()
    with pytest.raises(UsageError, match="is a file, where a folder is needed"):
        targets([Path("a.flac")], ["srt"], KNOWN, output=str(tmp_path / "notes.pdf"))


def test_only_a_folder_that_was_named_is_one_to_make() -> None:
    assert targets([Path("a.flac")], ["srt"], KNOWN)[0].folder is None
    assert targets([Path("a.flac")], ["srt"], KNOWN, output="new/b.srt")[0].folder is None
    assert targets([Path("a.flac")], ["srt"], KNOWN, output="new/deep")[0].folder == Path("new/deep")


def test_a_file_that_exists_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("mine")
    with pytest.raises(UsageError, match="exists already") as raised:
        refuse_taken(targets([tmp_path / "a.flac"], ["srt", "vtt"], KNOWN)[0].paths)
    assert str(tmp_path / "a.srt") in raised.value.message
    assert "--force" in raised.value.hint


def test_detours_of_a_path_are_left_out_unless_a_link_makes_them_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "deep")
    [single] = targets([Path("a.flac")], ["srt"], KNOWN, output="out/../new/b.srt")
    [folder] = targets([Path("a.flac")], ["srt"], KNOWN, output="out/../new/")
    assert (single.paths, folder.folder) == ([Path("new/b.srt")], Path("new"))
    plain, linked = (Targets(tmp_path / way / ".." / "a.flac", ()).absolute().path for way in ("far", "link"))
    assert (plain, linked) == (tmp_path / "a.flac", tmp_path / "link" / ".." / "a.flac")


def test_absolute_targets_are_the_same_files_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Targets(
        Path("a.mp4"), (("srt", Path("out/a.srt")), ("vtt", None)), Path("a.wav"), Path("out"), Path("a.subtitled.mp4")
    ).absolute()
    assert made.path == tmp_path / "a.mp4"
    assert made.subtitles == (("srt", tmp_path / "out" / "a.srt"), ("vtt", None))
    assert (made.speech, made.folder, made.copy) == (tmp_path / "a.wav", tmp_path / "out", tmp_path / "a.subtitled.mp4")
    assert made.absolute() == made
