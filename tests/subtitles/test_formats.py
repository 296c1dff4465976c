from __future__ import annotations

import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.audit import examples
from workbench.errors import InputError, UsageError
from workbench.subtitles import FORMATS, Order, as_read, format_of, read, write
from workbench.types import Cue, Word

TIMED = ("srt", "vtt", "ass", "ttml", "json")
TAGGED = ("vtt", "ass", "ttml", "json")
CUES = [
    Cue(0.3, 3.21, "And so, my fellow\nAmericans:", "Also, meine\nLandsleute:", "JFK", (Word(0.3, 0.6, " And", 0.9),)),
    Cue(3661.0, 3663.5, "ask <not> & wait", "", None),
]
HARD = [
    "a --> b",
    "00:00:01,000 --> 00:00:02,000",
    "00:00:01,000 00:00:02,000",
    "1",
    "42\n7",
    "7\n00:00",
    "<b>bold</b>",
    "< i >x< / i >",
    "3 < 4 > 2 && <3",
    "<c.translation>x</c>",
    "<v Bob>x",
    "{\\an8}top",
    "{y:i}x",
    "{plain}",
    "a}b{c",
    "{\\p1}m 0 0",
    "a\\Nb\\nc\\hd",
    "\\",
    "\\\\N",
    "\\{x\\}",
    "C:\\Users\\new",
    "&amp; &lt;b&gt; &#0; &nbsp",
    "--->",
    "NOTE x",
    "WEBVTT",
    "STYLE",
    "Dialogue: 0,0:00:00.00,x",
    "[Events]",
    ",comma, first",
    "; comment",
    "\u2060<\u2060b>",
    "{\u2060\\N",
    "\\\u2060N",
    "--\u2060>",
    "שלום עולם",
    "مرحبا، كيف حالك؟",
    "\u202bشكرا\u202c",
    "e\u0301 Z\u0351\u036b",
    "👩\u200d👩\u200d👧 🇫🇷",
    "你好\u3000世界",
    "a\u00a0b  c",
    "สวัสดี",
    "]]>",
    "<!-- x -->",
    "<?xml?>",
    "\"quoted\" 'it'",
    "x" * 10_000,
]
UNCLEAN = [
    "a\r\nb",
    "a\n\n\nb",
    "\n a \n",
    "a\rb",
    "nul\x00",
    "\x1b[31m",
    "\ud800lone\udfff",
    "\ufeffbom",
    "tab\there",
    "\u2028",
    "\x85x",
    "\ufffe",
    "\x1f",
    "",
]


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_read_is_what_was_written(format: str) -> None:
    assert read(write(CUES, format), format) == as_read(CUES, format)


@pytest.mark.parametrize("format", TIMED)
@pytest.mark.parametrize("text", HARD)
def test_text_that_looks_like_markup_survives(format: str, text: str) -> None:
    cues = [Cue(1, 2, text), Cue(2, 3, "between"), Cue(3, 4, text)]
    assert read(write(cues, format), format) == cues


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("text", UNCLEAN)
def test_what_no_file_can_hold_is_made_fit_in_one_known_way(format: str, text: str) -> None:
    cues = [Cue(1, 2, text, text, text), Cue(3, 4, "next")]
    data = write(cues, format)
    assert not {b"\r", b"\x00", b"\xef\xbb\xbf"} & {data[i : i + n] for n in (1, 3) for i in range(len(data))}
    assert read(data, format) == as_read(cues, format)
    assert format == "txt" or as_read(as_read(cues, format), format) == as_read(cues, format)


def test_the_normal_form_keeps_clean_text_and_says_what_becomes_of_the_rest() -> None:
    cues = [Cue(1, 2, text) for text in HARD]
    assert as_read(cues, "vtt") == sorted(cues, key=lambda cue: cue.start)
    (cue,) = as_read([Cue(1.0004, 2.0006, " a\r\n\r\n\x00b\t\ud800 ")], "srt")
    assert cue == Cue(1.0, 2.001, "a\n\ufffdb \ufffd")


SRT = """\
1
00:00:00,300 --> 00:00:03,210
And so, my fellow
Americans:
Also, meine
Landsleute:

2
01:01:01,000 --> 01:01:03,500
ask <\u2060not> & wait

"""
VTT = """\
WEBVTT

1
00:00:00.300 --> 00:00:03.210
<v JFK>And so, my fellow
Americans:
<c.translation>Also, meine
Landsleute:</c>

2
01:01:01.000 --> 01:01:03.500
ask &lt;not&gt; &amp; wait

"""
ASS = """\
Dialogue: 0,0:00:00.30,0:00:03.21,Default,JFK,0,0,0,,And so, my fellow\\NAmericans:\\N\
{\\rTranslation}Also, meine\\NLandsleute:{\\r}
Dialogue: 0,1:01:01.00,1:01:03.50,Default,,0,0,0,,ask <not> & wait
"""
TTML = """\
<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" \
xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang="" xml:space="preserve"><head>\
<metadata><ttm:agent xml:id="speaker1" type="person"><ttm:name type="full">JFK</ttm:name></ttm:agent></metadata>\
<styling><style xml:id="translation" tts:fontSize="90%" /></styling>\
<layout><region xml:id="bottom" tts:origin="10% 10%" tts:extent="80% 80%" tts:displayAlign="after" \
tts:textAlign="center" /></layout></head><body region="bottom"><div>
<p begin="00:00:00.300" end="00:00:03.210" ttm:agent="speaker1">And so, my fellow<br />Americans:<br />\
<span style="translation">Also, meine<br />Landsleute:</span></p>
<p begin="01:01:01.000" end="01:01:03.500">ask &lt;not&gt; &amp; wait</p>
</div></body></tt>
"""
TXT = """\
JFK: And so, my fellow Americans:
JFK: Also, meine Landsleute:
ask <not> & wait
"""


@pytest.mark.parametrize(("format", "golden"), [("srt", SRT), ("vtt", VTT), ("ttml", TTML), ("txt", TXT)])
def test_each_format_looks_like_this(format: str, golden: str) -> None:
    assert write(CUES, format).decode() == golden


def test_ass_looks_like_this() -> None:
    text = write(CUES, "ass").decode()
    assert text.startswith("[Script Info]\n")
    assert "\nScriptType: v4.00+\n\n[V4+ Styles]\n" in text
    assert text.endswith("Effect, Text\n" + ASS)


def test_json_has_this_shape() -> None:
    assert json.loads(write(CUES, "json"))["cues"][0] == {
        "start": 0.3,
        "end": 3.21,
        "text": "And so, my fellow\nAmericans:",
        "translation": "Also, meine\nLandsleute:",
        "speaker": "JFK",
        "words": [{"start": 0.3, "end": 0.6, "text": " And", "probability": 0.9}],
    }


def test_json_takes_the_numbers_of_numpy() -> None:
    word = Word(np.float32(0.5), np.float32(1.5), "a", np.float32(0.25))  # type: ignore[arg-type]
    assert read(write([Cue(0, 1, "a", words=(word,))], "json"), "json")[0].words == (Word(0.5, 1.5, "a", 0.25),)


@pytest.mark.parametrize("format", FORMATS)
def test_no_cues_make_a_file_that_reads_as_none(format: str) -> None:
    assert read(write([], format), format) == []


@pytest.mark.parametrize("format", ["srt", "txt"])
@pytest.mark.parametrize(("order", "first"), [("source-first", "One."), ("translation-first", "Eins.")])
def test_either_language_can_be_above(format: str, order: Order, first: str) -> None:
    (cue, *_) = read(write([Cue(0, 1, "One.", "Eins.")], format, order=order), format)
    assert cue.text.split("\n")[0] == first


@pytest.mark.parametrize("format", TAGGED)
@pytest.mark.parametrize("order", ["source-first", "translation-first"])
def test_text_and_translation_are_told_apart_in_either_order(format: str, order: Order) -> None:
    cues = [Cue(0, 1, "One\ntwo", "Eins\nzwei", "Ann"), Cue(1, 2, "", "nur <Übersetzung>"), Cue(2, 3, "three")]
    data = write(cues, format, order=order)
    assert read(data, format) == cues
    eins, one = data.index(b"Eins"), data.index(b"One")
    assert (eins > one) == (order == "source-first" or format == "json")


def test_plain_text_has_a_line_for_each_sentence() -> None:
    cues = [Cue(0, 1, "It was a\nlong day,"), Cue(1, 2, "and a good one."), Cue(2, 3, "今天\n很好"), Cue(6, 7, "Then?")]
    assert write(cues, "txt").decode() == "It was a long day, and a good one.\n今天很好\nThen?\n"


@pytest.mark.parametrize("format", TIMED)
def test_rounding_makes_no_overlap_and_no_cue_without_duration(format: str) -> None:
    edges = [1.0004, 1.0005, 1.00051, 1.0049, 1.005, 1.0149, 1.015, 35999.996, 36000.004, 36000.1]
    cues = [Cue(a, b, "x") for a, b in pairwise(edges)]
    found = read(write(cues, format), format)
    assert len(found) == len(cues)
    assert all(cue.start < cue.end for cue in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize("format", TIMED)
def test_times_after_ten_hours_are_kept(format: str) -> None:
    assert read(write([Cue(90_000, 90_001.5, "late")], format), format) == [Cue(90_000, 90_001.5, "late")]


TEXTS = st.one_of(
    st.text(),
    st.text(st.sampled_from("<>{}\\/&;:-Nnhbiv.,0123\u2060 \n\r\t\x00\ud800\u2028\u3000\u200f中")),
    st.lists(st.sampled_from([*HARD[:-1], *UNCLEAN]), max_size=4).map("\n".join),
)
ANY_CUES = st.lists(
    st.builds(
        lambda start, length, *rest: Cue(start, start + length, *rest),
        st.floats(0, 3e5),
        st.floats(0, 10),
        TEXTS,
        st.one_of(st.just(""), TEXTS),
        st.one_of(st.none(), TEXTS),
        st.lists(st.builds(Word, st.floats(0, 1e5), st.floats(0, 1e5), TEXTS, st.floats(0, 1)), max_size=2).map(tuple),
    ),
    max_size=5,
)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=examples(400, 2000), deadline=None)
@given(ANY_CUES, st.sampled_from(["source-first", "translation-first"]))
@example([Cue(0, 0, "x"), Cue(0, 0, "y")], "source-first")
def test_any_cues_come_back_as_their_normal_form(format: str, cues: list[Cue], order: Order) -> None:
    expected = as_read(cues, format, order=order)
    data = write(cues, format, order=order)
    data.decode()
    assert read(data, format) == expected
    assert [cue.start for cue in expected] == sorted(cue.start for cue in expected)
    assert format == "txt" or all(cue.start < cue.end for cue in expected)


def demuxed(data: bytes, format: str) -> list[tuple[float, float, str]]:
    """What FFmpeg finds: (start, end, text as ASS)."""
    import av

    found = []
    with av.open(io.BytesIO(data), "r", format=format) as container:
        packets: Iterator[Any] = container.demux(subtitles=0)
        for packet in packets:
            for subtitle in packet.decode() if packet.size else []:
                text = subtitle.ass.decode().split(",", 8)[8]
                scale = float(packet.time_base)
                found.append((packet.pts * scale, (packet.pts + packet.duration) * scale, text))
    return found


LEGIBLE = [
    "plain",
    "two\nlines",
    "1",
    "last\n42",
    "a <b>tag</b>",
    "a\\Nb",
    "-->",
    "00:00:01,000 --> 00:00:02,000",
    "AT&T &amp; 3 < 4",
    "你好\u3000世界",
    "مرحبا، كيف؟",
]


@pytest.mark.parametrize(("format", "name"), [("srt", "srt"), ("vtt", "webvtt"), ("ass", "ass")])
def test_ffmpeg_reads_the_same_text_and_times(format: str, name: str) -> None:
    cues = [Cue(i * 10 + 0.25, i * 10 + 2.5, text) for i, text in enumerate([*LEGIBLE, *LEGIBLE])]
    found = demuxed(write(cues, format), name)
    assert [start for start, _, _ in found] == pytest.approx([cue.start for cue in cues])
    assert [end for _, end, _ in found] == pytest.approx([cue.end for cue in cues])
    shown = [text.replace("\\N", "\n").replace("\u2060", "") for _, _, text in found]
    assert shown == [cue.text for cue in cues]


@pytest.mark.parametrize("format", ["ass", "srt"])
def test_braces_are_text_to_ffmpeg(format: str) -> None:
    ((_, _, text),) = demuxed(write([Cue(0, 1, "{\\an8}x")], format), format)
    assert text.replace("\u2060", "") == ("\\{\\an8\\}x" if format == "ass" else "{\\an8}x")
    assert "{\\" not in text.replace("\\{", "")


@pytest.mark.parametrize("format", ["srt", "vtt"])
def test_only_times_hold_an_arrow_by_which_readers_find_them(format: str) -> None:
    assert write([Cue(0, 1, "a --> b", "c --> d")], format).count(b"-->") == 1


@pytest.mark.parametrize("format", ["srt", "ass", "ttml"])
def test_pysubs2_reads_the_same_text_and_times(format: str) -> None:
    import pysubs2

    legible = LEGIBLE
    if format == "ttml":  # ideographic spaces and line breaks of ASS are not kept apart from others
        legible = [text for text in LEGIBLE if "\u3000" not in text and "\\N" not in text]
    cues = [Cue(i * 10 + 0.25, i * 10 + 2.5, text) for i, text in enumerate(legible)]
    found = pysubs2.SSAFile.from_string(write(cues, format).decode(), format_=format)
    assert [(event.start / 1000, event.end / 1000) for event in found] == [(cue.start, cue.end) for cue in cues]
    assert [event.plaintext.replace("\u2060", "") for event in found] == [cue.text for cue in cues]


def test_any_xml_parser_reads_the_ttml() -> None:
    cues = [Cue(i, i + 0.5, text) for i, text in enumerate(LEGIBLE)]
    ns = "{http://www.w3.org/ns/ttml}"
    found = ET.fromstring(write(cues, "ttml")).findall(f"{ns}body/{ns}div/{ns}p")
    assert ["".join(p.itertext()) for p in found] == [cue.text.replace("\n", "") for cue in cues]
    assert found[3].attrib == {"begin": "00:00:03.000", "end": "00:00:03.500"}


def test_subtitles_of_others_are_read() -> None:
    srt = "\ufeff1\r\n00:00:01,5 --> 0:00:02.000  X1:1\r\n<i>Hi</i>\r\n\r\nthere\r\n\r\n\r\n2\r\n"
    srt += "00:00:03,000 --> 00:00:04,000\r\n\r\n"
    assert read(srt.encode(), "srt") == [Cue(1.5, 2, "Hi\nthere")]
    marked = '{\\an8}<font color="red">a</font> <b>b</B> 1 < 2 > 0 <unknown>'
    assert read(f"1\n00:00:01,000 --> 00:00:02,000\n{marked}\n".encode(), "srt")[0].text == "a b 1 < 2 > 0 <unknown>"
    vtt = (
        "WEBVTT - a title\nKind: captions\n\nNOTE a\nnote\n\nSTYLE\n::cue {}\n\nid 1\n"
        "00:01.000 --> 00:02.000 align:start\n<v.loud Ann &amp; Bo><i>Hi</i>&nbsp;<00:01.500>there<00:01.700> you\n\n"
        "00:02.000 --> 00:03.000\nChapter\n42\n\nNOTE b\n\n00:03.000 --> 00:04.000\n\n"
    )
    assert read(vtt.encode(), "vtt") == [Cue(1, 2, "Hi\u00a0there you", speaker="Ann & Bo"), Cue(2, 3, "Chapter\n42")]
    ass = (
        "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,no\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Sign,Ann,0,0,0,,{\\i1}Hi{\\i0}\\hthere\\Nyou\n"
    )
    assert read(ass.encode(), "ass") == [Cue(1, 2, "Hi\u00a0there\nyou", speaker="Ann")]


def test_ttml_of_others_is_read_with_its_frames_ticks_and_nested_times() -> None:
    ttml = """<tt xmlns="http://www.w3.org/ns/ttml" xmlns:p="http://www.w3.org/ns/ttml#parameter" p:frameRate="25"
      p:tickRate="10000000"><body begin="1h"><div begin="10s">
      <p begin="00:00:01:05" dur="500ms">  one <span>two</span>
        three<br/> four <metadata>no</metadata></p>
      <p begin="20000000t" end="75f"/><p begin="20000000t" end="75f">x</p></div></body></tt>"""
    assert read(ttml.encode(), "ttml") == [Cue(3611.2, 3611.7, "one two three\nfour"), Cue(3612, 3613, "x")]


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b"\xff\xfe1", "srt"),
        (b"\xe4\xf6", "srt"),
        ("1\n00:00:01,000".encode("utf-16-le"), "srt"),
        (b"<tt><body>", "ttml"),
        (b'<tt><p begin="soon" end="1s">x</p></tt>', "ttml"),
        (b'<tt><p begin="1s">x</p></tt>', "ttml"),
        (b"[1]", "json"),
        (b"{", "json"),
        (b'{"cues": [{"start": 1}]}', "json"),
        (b"[Events]\nDialogue: 0,soon,0:00:01.00,Default,,0,0,0,,x", "ass"),
    ],
)
def test_what_cannot_be_read_is_an_input_error_that_names_the_format(data: bytes, format: str) -> None:
    with pytest.raises(InputError, match=format):
        read(data, format)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("format", TIMED)
def test_the_encoding_is_told_by_a_byte_order_mark(format: str, encoding: str) -> None:
    text = write(CUES, format).decode().replace("\n", "\r\n" if format != "json" else "\n")
    assert read(text.encode(encoding), format) == as_read(CUES, format)


def test_another_encoding_can_be_named() -> None:
    cues = [Cue(1, 2, "Привет")]
    data = write(cues, "srt").decode().encode("cp1251")
    with pytest.raises(InputError) as raised:
        read(data, "srt")
    assert "cp1251" in raised.value.hint
    assert read(data, "srt", "cp1251") == cues
    with pytest.raises(InputError, match="not ascii"):
        read(data, "srt", "ascii")
    with pytest.raises(InputError, match="cannot be read"):
        read(data, "srt", "klingon")


@pytest.mark.parametrize(
    ("name", "format"), [("a.SRT", "srt"), ("a.en.webvtt", "vtt"), ("a.xml", "ttml"), ("a.dfxp", "ttml")]
)
def test_the_suffix_says_the_format(name: str, format: str) -> None:
    assert format_of(Path(name)) == format
    with pytest.raises(UsageError, match=r"a\.mp4"):
        format_of(Path("a.mp4"))


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        write([], "sub")
    assert "srt" in raised.value.hint


def test_importing_subtitles_loads_no_subtitle_library() -> None:
    code = "import sys, workbench.subtitles, workbench.builtin.subtitles; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pysubs2", "av", "rich"} & set(loaded)
