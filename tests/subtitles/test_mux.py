from __future__ import annotations

import errno
import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import Disposition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.videos import write_video
from workbench.audio.decode import decode
from workbench.errors import InputError, OutputError, UsageError
from workbench.files import NewFile
from workbench.subtitles import as_read
from workbench.subtitles.mux import CONTAINERS, Track, mux, subtitled
from workbench.types import Cue

CUES = [Cue(0.5, 1.5, "Hello <there>.\nYou & you."), Cue(1.5, 2.5, "你好 {\\an8} مرحبا"), Cue(3.0, 3.5, "-->")]
GERMAN = [Cue(0.5, 1.5, "Hallo.")]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {suffix: write_video(folder / f"talk{suffix}", title="A talk") for suffix in (".mkv", ".mp4", ".mov")}


def packets(path: Path, kind: str, index: int = 0) -> list[tuple[float, float, bytes]]:
    """(start, duration, data) of each in a stream; what ends a cue in MP4 is left out."""
    with av.open(str(path)) as container:
        stream = [each for each in container.streams if each.type == kind][index]
        found: list[Any] = [packet for packet in container.demux(stream) if packet.size and packet.pts is not None]
        scaled = [(float(p.pts * p.time_base), float((p.duration or 0) * p.time_base), bytes(p)) for p in found]
        return [packet for packet in scaled if packet[2] != b"\x00\x00"]


def texts(path: Path, index: int = 0) -> list[tuple[float, float, str]]:
    """(start, end, text) of the cues in a subtitle stream."""
    skipped = 0 if path.suffix == ".mkv" else 2  # MP4 has the length before the text
    found = [
        (start, start + length, data[skipped:].decode()) for start, length, data in packets(path, "subtitle", index)
    ]
    return [(round(start, 3), round(end, 3), text.replace("\u2060", "")) for start, end, text in found]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_tracks_are_put_in_with_their_times_and_languages(videos: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    tracks = [Track(GERMAN, "de-AT"), Track(CUES, "en", default=True), Track(GERMAN)]
    assert mux(videos[suffix], tracks, output) == []
    shift = packets(output, "video")[0][0]  # Matroska has no time before 0, where encoded sound begins
    expected = [(round(cue.start + shift, 3), round(cue.end + shift, 3), cue.text) for cue in CUES]
    assert texts(output, 1) == expected
    with av.open(str(output)) as container:
        streams = container.streams.subtitles
        code = "ger" if suffix == ".mkv" else "deu"
        assert [stream.metadata.get("language", "und") for stream in streams] == [code, "eng", "und"]
        assert [bool(stream.disposition & Disposition.default) for stream in streams] == [False, True, False]
        assert container.metadata["title"] == "A talk"


@pytest.mark.parametrize("source", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_pictures_and_sound_are_copied_bit_by_bit(
    videos: dict[str, Path], tmp_path: Path, source: str, suffix: str
) -> None:
    output = tmp_path / f"out{suffix}"
    mux(videos[source], [Track(CUES, "en")], output)
    for kind in ("video", "audio"):
        before, after = packets(videos[source], kind), packets(output, kind)
        assert [data for _, _, data in after] == [data for _, _, data in before]
        shift = after[0][0] - before[0][0]
        assert [start - shift for start, _, _ in after] == pytest.approx([start for start, _, _ in before], abs=0.002)


def test_times_are_those_of_the_audio_that_was_heard_where_a_file_begins_late(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.ts", start_s=7.0)
    output = tmp_path / "out.mkv"
    mux(video, [Track(CUES, "en")], output)
    heard_from = min(packets(output, kind)[0][0] for kind in ("video", "audio"))
    assert [start for start, _, _ in texts(output)] == pytest.approx([heard_from + c.start for c in CUES], abs=0.002)


def test_what_was_muxed_decodes_as_the_source_does(videos: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    mux(videos[".mp4"], [Track(CUES)], output)
    before, after = (b"".join(c.samples.tobytes() for c in decode(path)) for path in (videos[".mp4"], output))
    assert before == after


def test_ass_keeps_its_look_in_mkv(videos: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    cues = [*CUES, Cue(3.6, 3.9, "One.", "Eins.", "Ann, A.")]
    mux(videos[".mkv"], [Track(cues, "en", styled=True)], output)
    with av.open(str(output)) as container:
        codec = container.streams.subtitles[0].codec_context
        assert codec.name in ("ass", "ssa")
        assert b"Style: Translation" in (codec.extradata or b"")
    last = packets(output, "subtitle")[-1][2].decode()
    assert last == r"3,0,Default,Ann; A.,0,0,0,,One.\N{\rTranslation}Eins.{\r}"


def test_subtitles_that_are_there_already_stay_and_are_no_longer_the_default(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    first, second = tmp_path / "one.mkv", tmp_path / "two.mkv"
    mux(videos[".mkv"], [Track(CUES, "en", default=True)], first)
    mux(first, [Track(GERMAN, "de", default=True)], second)
    assert [text for _, _, text in texts(second, 0)] == [cue.text for cue in CUES]
    with av.open(str(second)) as container:
        dispositions = [stream.disposition & Disposition.default for stream in container.streams.subtitles]
    assert [bool(each) for each in dispositions] == [False, True]


def test_what_a_container_cannot_hold_is_left_out_and_said(videos: dict[str, Path], tmp_path: Path) -> None:
    first, second = tmp_path / "one.mkv", tmp_path / "two.mp4"
    mux(videos[".mkv"], [Track(CUES, "en")], first)
    (line,) = mux(first, [Track(GERMAN, "de")], second)
    assert "subrip" in line
    assert "mp4" in line
    assert [text for _, _, text in texts(second)] == ["Hallo."]


def test_cues_that_overlap_are_shown_together_in_mp4(videos: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    mux(videos[".mp4"], [Track([Cue(0, 2, "one"), Cue(1, 3, "two"), Cue(3, 3.5, "three")])], output)
    assert texts(output) == [(0, 1, "one"), (1, 2, "one\ntwo"), (2, 3, "two"), (3, 3.5, "three")]


def test_both_languages_of_a_cue_are_in_a_track_with_the_source_above(videos: dict[str, Path], tmp_path: Path) -> None:
    mux(videos[".mkv"], [Track([Cue(0, 1, "One.", "Eins.")])], tmp_path / "out.mkv")
    assert texts(tmp_path / "out.mkv")[0][2] == "One.\nEins."


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_track_without_cues_is_a_track(videos: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    mux(videos[suffix], [Track([], "en")], output)
    assert texts(output) == []
    with av.open(str(output)) as container:
        assert len(container.streams) == 3 or suffix == ".mp4"


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(st.text(), st.text(st.sampled_from("<>{}\\N&b/ \n\r\0\ud800\u2060e\u0301👩\u200dא"))), max_size=4
    )
)
def test_any_text_comes_back(videos: dict[str, Path], tmp_path: Path, suffix: str, said: list[str]) -> None:
    cues = [Cue(i * 0.9, i * 0.9 + 0.5, text) for i, text in enumerate(said)]
    output = tmp_path / f"out{suffix}"
    mux(videos[suffix], [Track(cues, "en")], output, overwrite=True)
    expected = [cue.text.replace("\u2060", "") for cue in as_read(cues, "srt")]
    assert [text for _, _, text in texts(output)] == expected


def test_a_cue_too_long_for_mp4_is_refused_and_mkv_named(videos: dict[str, Path], tmp_path: Path) -> None:
    tracks = [Track([Cue(0, 1, "字" * 30_000)])]
    with pytest.raises(InputError) as raised:
        mux(videos[".mp4"], tracks, tmp_path / "out.mp4")
    assert ".mkv" in raised.value.hint
    assert list(tmp_path.iterdir()) == []
    mux(videos[".mp4"], tracks, tmp_path / "out.mkv")


def test_the_input_is_never_written_over(videos: dict[str, Path], tmp_path: Path) -> None:
    video = Path(shutil.copy(videos[".mkv"], tmp_path / "talk.mkv"))
    link = tmp_path / "link.mkv"
    link.symlink_to(video)
    before = video.read_bytes()
    for output in (video, link):
        with pytest.raises(UsageError, match="overwritten"):
            mux(video, [Track(CUES)], output, overwrite=True)
    assert video.read_bytes() == before


def test_a_file_that_is_there_stays_unless_it_may_be_overwritten(videos: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    output.write_bytes(b"mine")
    with pytest.raises(OutputError):
        mux(videos[".mkv"], [Track(CUES)], output)
    assert output.read_bytes() == b"mine"
    mux(videos[".mkv"], [Track(CUES)], output, overwrite=True)
    assert len(texts(output)) == 3


def test_a_full_disk_leaves_nothing_behind(
    videos: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """A file on a disk that takes 4 KB."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, data: bytes) -> int:
            if self._file.tell() + len(data) > 4096:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self._file.write(data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    class OnFullDisk(NewFile):
        def __init__(self, path: Path, *, overwrite: bool) -> None:
            super().__init__(path, overwrite=overwrite)
            self.file = Full(self.file)  # type: ignore[assignment]

    monkeypatch.setattr("workbench.subtitles.mux.NewFile", OnFullDisk)
    with pytest.raises(OutputError, match="disk is full"):
        mux(videos[".mkv"], [Track(CUES)], tmp_path / "out.mkv")
    assert list(tmp_path.iterdir()) == []


def test_it_stops_when_it_is_told_to_and_leaves_nothing_behind(videos: dict[str, Path], tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(OutputError, match="stopped"):
        mux(videos[".mkv"], [Track(CUES)], tmp_path / "out.mkv", stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_goes_to_disk_as_it_is_made_and_can_be_stopped_half_way(
    videos: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.subtitles.mux._BUFFER_BYTES", 1024)
    monkeypatch.setattr("workbench.subtitles.mux._SYNC_BYTES", 2048)
    stop, synced = threading.Event(), list[int]()

    class Watched(NewFile):
        def sync(self) -> None:
            super().sync()
            synced.append(self.file.tell())
            if is_to_stop and len(synced) == 2:
                stop.set()

    monkeypatch.setattr("workbench.subtitles.mux.NewFile", Watched)
    is_to_stop = False
    mux(videos[".mkv"], [Track(CUES)], tmp_path / "out.mkv", stop=stop)
    whole = (tmp_path / "out.mkv").stat().st_size
    assert len(synced) >= whole // 3072
    is_to_stop, synced[:] = True, []
    with pytest.raises(OutputError, match="stopped"):
        mux(videos[".mkv"], [Track(CUES)], tmp_path / "other.mkv", stop=stop)
    assert synced[-1] < whole
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_what_is_no_video_or_holds_no_subtitles_is_refused(videos: dict[str, Path], tmp_path: Path) -> None:
    text = tmp_path / "talk.mkv"
    text.write_text("not a video")
    with pytest.raises(InputError):
        mux(text, [Track(CUES)], tmp_path / "out.mkv")
    with pytest.raises(UsageError, match=r"out\.avi"):
        mux(videos[".mkv"], [Track(CUES)], tmp_path / "out.avi")
    with pytest.raises(UsageError, match="no such file"):
        mux(tmp_path / "none.mkv", [Track(CUES)], tmp_path / "out.mkv")
    assert list(tmp_path.iterdir()) == [text]


@pytest.mark.parametrize(
    ("video", "copy"),
    [
        ("a.MP4", "a.subtitled.mp4"),
        ("a.b.mkv", "a.b.subtitled.mkv"),
        ("a.avi", "a.subtitled.mkv"),
        ("a", "a.subtitled.mkv"),
    ],
)
def test_a_copy_has_a_name_of_its_own(video: str, copy: str) -> None:
    assert subtitled(Path("x") / video) == Path("x") / copy


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="apt install ffmpeg")
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_ffprobe_finds_the_tracks(videos: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    mux(videos[".mp4"], [Track(CUES, "en", default=True), Track(GERMAN, "de")], output)
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-select_streams", "s", str(output)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    streams = json.loads(done.stdout)["streams"]
    assert [stream["codec_name"] for stream in streams] == ["subrip" if suffix == ".mkv" else "mov_text"] * 2
    assert [stream["disposition"]["default"] for stream in streams] == [1, 0]
