"""What a file says of itself, and what is refused before anything is decoded."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from workbench.audio.media import AudioTrack, FileInfo, open_media, probe
from workbench.errors import InputError, UsageError
from workbench.types import Samples

Make = Callable[..., Path]
IN_OPEN = 0x20
PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
    "hls after a BOM": "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT10S"><Period><AdaptationSet>'
    '<Representation id="1"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "pls": "[playlist]\nFile1={url}\nNumberOfEntries=1\n",
}


@pytest.fixture
def canary(tmp_path: Path, make_media: Make, speech: Samples) -> Path:
    """A file that is good audio: whoever follows a link to it can play it."""
    return make_media("canary.wav", {"samples": speech, "codec": "pcm_s16le"})


@contextmanager
def opened(path: Path) -> Iterator[Callable[[], bool]]:
    """Whether anyone opened `path` meanwhile, as the kernel tells it."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, os.fsencode(path), IN_OPEN) >= 0

    def was_opened() -> bool:
        try:
            return bool(os.read(watch, 4096))
        except BlockingIOError:
            return False

    try:
        yield was_opened
    finally:
        os.close(watch)


def test_probe_lists_the_audio_tracks_and_the_length(make_media: Make, speech: Samples) -> None:
    path = make_media(
        "two.mkv",
        {"samples": speech, "codec": "aac", "language": "eng"},
        {"samples": speech, "codec": "libopus", "rate": 48_000, "layout": "stereo", "language": "ger"},
        picture_s=6.5,
    )
    info = probe(path)
    assert info.container == "matroska,webm"
    assert info.duration == pytest.approx(len(speech) / 16_000, abs=0.1)
    assert [(t.index, t.codec, t.language, t.channels, t.sample_rate) for t in info.tracks] == [
        (1, "aac", "en", 1, 16_000),
        (2, "opus", "de", 2, 48_000),
    ]


def test_without_a_wish_the_default_track_is_taken() -> None:
    tracks = [AudioTrack(i, "aac", None, "", 2, 48_000, default=i == 2) for i in (1, 2, 3)]
    assert FileInfo(Path("a.mkv"), 1.0, "matroska,webm", tuple(tracks)).track(None).index == 2


@pytest.mark.parametrize("wanted", [0, 3, -1, "fr", "und", ""])
def test_a_track_that_is_not_there_is_refused_with_those_that_are(wanted: int | str) -> None:
    tracks = (AudioTrack(1, "aac", "en", "", 2, 48_000, True), AudioTrack(2, "aac", None, "Comments", 2, 48_000, False))
    with pytest.raises(InputError, match="no audio track") as caught:
        FileInfo(Path("a.mkv"), 1.0, "matroska,webm", tracks).track(wanted)
    assert caught.value.hint == "It has: 1 en, 2 'Comments'."


def test_a_video_without_sound_is_refused(make_media: Make) -> None:
    info = probe(make_media("silent.mp4", picture_s=1.0))
    with pytest.raises(InputError, match="has no audio track"):
        info.track(None)


@pytest.mark.parametrize("name", ["-rf.wav", "a:b.wav", "http:x.wav", "%03d.wav", "a b'\"\n.wav", "ä\u202e.wav", "x"])
def test_odd_names_are_just_names(tmp_path: Path, canary: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(canary, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name)).tracks


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux file names are bytes")
def test_a_name_that_is_not_utf_8_is_just_a_name(tmp_path: Path, canary: Path) -> None:
    name = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    shutil.copy(canary, name)
    assert probe(name).tracks


@pytest.mark.skipif(sys.platform != "linux", reason="inotify tells what was opened")
@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", [".wav", ".m3u8", ".mpd"])
def test_a_playlist_is_refused_and_nothing_it_names_is_opened(
    tmp_path: Path, canary: Path, kind: str, suffix: str
) -> None:
    path = tmp_path / f"list{suffix}"
    path.write_text(PLAYLISTS[kind].format(url=canary.name), encoding="utf-8")
    with opened(canary) as was_opened:
        with pytest.raises(InputError, match="is a playlist"):
            probe(path)
        assert not was_opened()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify tells what was opened")
def test_the_canary_sings_when_a_playlist_is_opened_without_protection(tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(PLAYLISTS["concat"].format(url=canary.name))
    with opened(canary) as was_opened:
        av.open(str(path), options={"safe": "0"}).close()
        assert was_opened()


def test_what_a_file_that_is_allowed_wants_to_open_is_refused(
    tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.audio.media._FORMATS", "concat")  # as if the list of formats had a hole
    path = tmp_path / "list.txt"
    path.write_text(PLAYLISTS["concat"].format(url=canary.name))
    with pytest.raises(InputError), open_media(path) as container:
        list(container.decode(audio=0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"Just a note.\n" * 100, "is not audio or video"),
        (bytes(range(256)) * 40, "is not audio or video"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + bytes(5000), "is an MP4 file that cannot be read"),
    ],
)
def test_what_is_not_audio_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        probe(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_an_mp4_whose_index_was_cut_off_is_refused_with_the_reason(make_media: Make, speech: Samples) -> None:
    path = make_media("a.mp4", {"samples": speech, "codec": "aac"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError) as caught:
        probe(path)
    assert "no index" in caught.value.hint


def test_a_missing_file_and_a_directory_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        probe(tmp_path / "nothing.wav")
    with pytest.raises(UsageError, match="is a directory"):
        probe(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
def test_a_pipe_or_device_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/zero")):
        with pytest.raises(InputError, match="is not a regular file"):
            probe(path)


def test_a_file_that_may_not_be_read_is_named_with_the_systems_words(
    canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root, who may run the tests, may read everything
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        probe(canary)


def test_probing_frees_the_file(canary: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    probe(canary)
    assert not before or len(os.listdir("/proc/self/fd")) == before


def test_cover_art_does_not_shift_the_sound(make_media: Make, speech: Samples) -> None:
    from workbench.audio.decode import decode

    plain = make_media("plain.mp3", {"samples": speech, "codec": "libmp3lame"})
    covered = plain.with_name("covered.mp3")
    with av.open(str(plain)) as source, av.open(str(covered), "w") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg")
        cover.width = cover.height = 16
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        out.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = sound
                out.mux(packet)
    assert probe(covered).tracks == probe(plain).tracks
    first, second = (np.concatenate([c.samples for c in decode(path)]) for path in (plain, covered))
    assert np.array_equal(first, second)
