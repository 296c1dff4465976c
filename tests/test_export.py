from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import Exporter
from workbench.errors import EngineError
from workbench.export import Span, most_common_language, render, write_files
from workbench.subtitles import Caption
from workbench.types import Cue, Transcript, Word


def caption(start: float, text: str, language: str = "en") -> Caption:
    words = (Word(start, start + 0.5, text, 0.9),)
    return Caption(Transcript(segment_id=0, text=text, language=language, start=start, end=start + 0.5, words=words))


def test_a_span_keeps_the_cues_that_lie_in_it_for_the_most_part_and_counts_from_its_start() -> None:
    cues = [
        Cue(0.0, 2.0, "before"),
        Cue(9.0, 13.0, "in", words=(Word(9.0, 13.0, "in", 1.0),)),
        Cue(14.0, 18.0, "after"),
    ]
    found = list(Span(10.0, 15.0).cut(cues))
    assert found == [Cue(0.0, 3.0, "in", words=(Word(0.0, 3.0, "in", 1.0),))]
    assert list(Span().cut(cues)) == cues


def test_each_output_is_rendered_and_those_with_a_path_are_written(tmp_path: Path) -> None:
    exporter = SubtitleExporter(SubtitleExporter.Options())
    captions = [caption(1.0, "Hello."), caption(61.0, "Bye.")]
    outputs = [(exporter, "txt", None), (exporter, "vtt", tmp_path / "a.vtt")]
    files = render(outputs, captions, "en", "source", Span(60.0))
    assert files[0].data == b"Bye.\n"
    assert list(tmp_path.iterdir()) == []
    write_files(files, overwrite=False)
    assert "00:01.000 --> " in (tmp_path / "a.vtt").read_text()


def test_speakers_are_named_rather_than_given_dashes_where_the_format_can() -> None:
    exporter = SubtitleExporter(SubtitleExporter.Options())
    spoken = [replace(caption(1.0, "Yes."), speaker="Ann"), replace(caption(1.6, "No."), speaker="Bo")]
    srt, txt = render([(exporter, "srt", None), (exporter, "txt", None)], spoken, "en", "source")
    assert b"- Yes.\n- No." in srt.data
    assert txt.data == b"Ann: Yes.\nBo: No.\n"


def test_rules_that_cues_break_are_counted_once_a_cue() -> None:
    exporter = SubtitleExporter(SubtitleExporter.Options(max_line_chars=10, max_lines=1))
    (file,) = render([(exporter, "srt", None)], [caption(1.0, "ba be bi bo da de di do")], "en", "source")
    assert file.warnings() == ["1 cue of 3 cannot keep max_cps", "2 cues of 3 cannot keep min_duration_s"]


def test_an_exporter_that_gives_no_bytes_is_named() -> None:
    class Text(Exporter):
        name = "text"
        formats = ("txt",)

        def render(self, cues: Sequence[Cue], format: str) -> bytes:
            return "text"  # type: ignore[return-value]

    with pytest.raises(EngineError, match="export engine 'text' failed to make txt: TypeError"):
        render([(Text(None), "txt", None)], [caption(0.0, "a")], "en", "source")


def test_the_language_is_the_one_that_most_captions_have() -> None:
    assert most_common_language([]) is None
    captions = [caption(0.0, "a", "de"), caption(1.0, "b"), caption(2.0, "c", "de")]
    assert most_common_language(captions) == "de"


def test_a_language_that_was_never_told_is_none() -> None:
    assert most_common_language([caption(0.0, "a", "und"), caption(1.0, "b", "und")]) is None
    assert most_common_language([caption(0.0, "a", "und"), caption(1.0, "b", "und"), caption(2.0, "c", "de")]) == "de"
