from __future__ import annotations

import json
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.subtitles import Caption, CueRules, Show, build_cues, violations
from workbench.subtitles.function_words import role_of
from workbench.types import Cue, Transcript, Word

AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or Path(__file__).parents[3] / "shared" / "audio")
RULES = CueRules()


def said(text: str, start: float = 1.0, *, cps: float = 14.0, pauses: dict[str, float] | None = None) -> Transcript:
    """Speech of even speed whose words are parted by spaces; `pauses` are seconds of silence after a word."""
    words = []
    time = start
    for token in re.findall(r"\s*\S+", text):
        end = time + len(token) / cps
        words.append(Word(time, end, token, 0.9))
        time = end + (pauses or {}).get(token.strip(), 0.0)
    return Transcript(segment_id=0, text=text, language="en", start=start, end=words[-1].end, words=tuple(words))


def without_words(text: str, start: float, end: float, language: str = "en") -> Transcript:
    return Transcript(segment_id=0, text=text, language=language, start=start, end=end)


def texts(*transcripts: Transcript, rules: CueRules = RULES) -> list[str]:
    return [cue.text for cue in build_cues([Caption(t) for t in transcripts], rules)]


def letters(text: str) -> str:
    return "".join(text.split())


def test_a_short_sentence_is_one_line() -> None:
    assert texts(said("Ask what you can do for your country.")) == ["Ask what you can do for your country."]


def test_nothing_said_gives_no_cue() -> None:
    assert build_cues([], RULES) == []
    assert build_cues([Caption(without_words(" \n ", 0, 1))], RULES) == []


def test_long_speech_is_cut_at_sentence_ends() -> None:
    first = "The first sentence has quite a number of words to say."
    second = "The second one is of about the same length as that."
    assert texts(said(f"{first} {second}")) == [
        "The first sentence has quite a number\nof words to say.",
        "The second one\nis of about the same length as that.",
    ]


def test_a_long_sentence_is_cut_at_a_clause_end() -> None:
    cues = texts(said("When the rain that had been falling all week stopped, the whole village went out to the fields"))
    assert cues[0].endswith("stopped,")


def test_a_sentence_without_marks_is_cut_in_its_pause() -> None:
    words = "one thing that we have to think about now is the weather of the coming week and also that of today"
    cues = texts(said(words, pauses={"weather": 0.9}))
    assert cues[0].endswith("weather")


def test_titles_do_not_end_a_sentence() -> None:
    assert texts(said("She had then been told of it all by Mr. Dashwood, who knew Dr. Grant.")) == [
        "She had then been told of it all\nby Mr. Dashwood, who knew Dr. Grant."
    ]


def test_short_sentences_close_together_share_a_cue() -> None:
    assert texts(said("Yes. Of course.")) == ["Yes. Of course."]


def test_a_sentence_that_goes_on_in_the_next_transcript_is_joined() -> None:
    first = said("and then he")
    assert texts(first, said("went home.", first.end + 0.2)) == ["and then he went home."]


def test_no_cue_stays_up_through_a_silence() -> None:
    assert texts(said("and then he went", pauses={"he": 2.5})) == ["and then he", "went"]


def dialogue(first: str, second: str, rules: CueRules = RULES, pause: float = 0.1, cps: float = 14.0) -> list[Cue]:
    one = said(first, cps=cps)
    return build_cues(
        [Caption(one, speaker="Ann"), Caption(said(second, one.end + pause, cps=cps), speaker="Bo")], rules
    )


def test_two_speakers_in_quick_succession_share_a_cue_as_lines_with_dashes() -> None:
    (cue,) = dialogue("Yes.", "No.")
    assert (cue.text, cue.speaker) == ("- Yes.\n- No.", None)
    assert [word.text for word in cue.words] == ["Yes.", "No."]
    assert dialogue("Yes.", "No.", CueRules.for_language("en", "netflix"))[0].text == "-Yes.\n-No."


@pytest.mark.parametrize(
    ("first", "second", "rules", "pause", "cps"),
    [
        ("Yes.", "No.", CueRules(dash=""), 0.1, 14.0),
        ("Yes.", "No.", CueRules(max_lines=1), 0.1, 14.0),
        ("Yes.", "No.", RULES, 3.0, 14.0),
        ("Yes.", "No.", RULES, 0.1, 2.0),
        ("Yes.", "This one is as long as a line may be, so.", RULES, 0.1, 14.0),
    ],
    ids=["no dash", "one line", "pause", "slow", "no room"],
)
def test_two_speakers_share_a_cue_only_where_that_helps_and_fits(
    first: str, second: str, rules: CueRules, pause: float, cps: float
) -> None:
    cues = dialogue(first, second, rules, pause, cps)
    assert [cue.speaker for cue in cues] == ["Ann", "Bo"]
    assert [cue.text.replace("\n", " ") for cue in cues] == [first, second]


def test_the_translations_of_two_speakers_have_dashes_too() -> None:
    spoken = [(said("Yes."), "Ja.", "Ann"), (said("No.", 1.4), "Nein.", "Bo")]
    (cue,) = build_cues([Caption(t, t.translated(text, "de"), name) for t, text, name in spoken], RULES, "both")
    assert (cue.text, cue.translation) == ("- Yes.\n- No.", "- Ja.\n- Nein.")


def test_a_gap_that_would_flicker_is_closed() -> None:
    first = said("This is said at an easy pace.", cps=10)
    for pause in (0.6, 0.8, 0.95):
        one, two = build_cues([Caption(first), Caption(said("And this.", first.end + pause, cps=6))], RULES)
        assert two.start - one.end == pytest.approx(RULES.min_gap_s, abs=0.001)
    one, two = build_cues([Caption(first), Caption(said("And this.", first.end + 1.1, cps=6))], RULES)
    assert two.start - one.end == pytest.approx(0.6, abs=0.001)
    one, two = build_cues([Caption(first), Caption(said("And this.", first.end + 0.8, cps=6))], CueRules(small_gap_s=0))
    assert two.start - one.end == pytest.approx(0.3, abs=0.001)


def test_a_gap_that_the_longest_duration_keeps_open_is_made_wide_enough() -> None:
    slow = said("Said slowly.", cps=12 / 6.6)
    one, two = build_cues([Caption(slow), Caption(said("And this is next.", slow.end + 0.7))], RULES)
    assert two.start - one.end == pytest.approx(RULES.small_gap_s, abs=0.001)
    assert one.end >= slow.end


def test_a_cue_too_fast_to_read_borrows_from_neighbours_that_can_spare_time() -> None:
    quick = said("This part of it was said a bit too fast.", 0.0, cps=22)
    calm = said("And the rest of what was to be told, which was a lot, was slow.", quick.end + 0.1, cps=12)
    one, two = build_cues([Caption(quick), Caption(calm)], RULES)
    assert violations([one, two], RULES) == []
    assert 0 < two.start - calm.start <= 0.3


def test_a_cue_too_fast_to_read_begins_in_the_silence_before_it() -> None:
    quick = said("This part of it was said a bit too fast, as people in a hurry do.", 5.0, cps=22)
    more = said("And so was this part of it, sad to say, which has nothing to spare for others.", quick.end, cps=20.5)
    one, *_ = build_cues([Caption(quick), Caption(more)], RULES)
    assert 0 < quick.start - one.start <= 0.3


SENTENCES = [
    ("en", "We have been looking for the best way out of the city because nobody had told us about it."),
    ("en", "She said that the people who were there at the time did not know what was in the letter."),
    ("de", "Wir haben lange nach dem besten Weg aus der Stadt gesucht, weil uns niemand davon erzählt hat."),
    ("fr", "Nous avons longtemps cherché le meilleur chemin pour sortir de la ville parce que personne ne le savait."),
    ("es", "Hemos buscado durante mucho tiempo el mejor camino para salir de la ciudad porque nadie lo sabía."),
    ("it", "Abbiamo cercato a lungo la strada migliore per uscire dalla città perché nessuno la conosceva."),
    ("pt", "Procuramos durante muito tempo o melhor caminho para sair da cidade porque ninguém sabia dele."),
    ("nl", "We hebben lang gezocht naar de beste weg uit de stad omdat niemand ons erover had verteld."),
    ("ru", "Мы долго искали лучший путь из города потому что никто нам о нём ничего не рассказал."),
]


@pytest.mark.parametrize(("language", "text"), SENTENCES)
def test_lines_and_cues_do_not_end_with_small_words(language: str, text: str) -> None:
    rules = CueRules.for_language(language)
    cues = build_cues([Caption(without_words(text, 0, len(text) / 14, language))], rules)
    assert violations(cues, rules, language=language) == []
    assert not any(role_of(cue.text.split()[-1], language) for cue in cues)


def test_lines_begin_with_conjunctions() -> None:
    (cue,) = texts(said("I would have told you about it but nobody asked me for it"))
    assert cue.split("\n")[1].startswith("but")


def test_the_beginning_of_a_sentence_is_not_left_at_a_line_end() -> None:
    (cue,) = texts(said("They put it on the desk top. No, on the other one there."))
    assert cue == "They put it on the desk top.\nNo, on the other one there."


def test_the_first_word_of_a_clause_is_not_left_behind_though_a_pause_follows_it() -> None:
    times = {
        "ask": 3.1, "not": 3.75, "what": 4.23, "your": 5.52, "country": 5.76, "can": 6.22, "do": 6.62, "for": 6.82,
        "you,": 7.08, "ask ": 7.36, "what ": 8.48, "you": 8.74, "can ": 9.04, "do ": 9.32, "for ": 9.56,
        "your ": 9.76, "country.": 9.94,
    }  # fmt: skip
    words = [Word(start, start + 0.4, f" {word.strip()}", 0.9) for word, start in times.items()]
    text = "".join(word.text for word in words).strip()
    said = Transcript(segment_id=0, text=text, language="en", start=3.1, end=10.4, words=tuple(words))
    cues = build_cues([Caption(said)], CueRules.for_language("en"))
    assert [cue.text.replace("\n", " ") for cue in cues] == [
        "ask not what your country can do for you,",
        "ask what you can do for your country.",
    ]


def test_a_word_of_another_language_is_no_small_word() -> None:
    assert (role_of("die", "de"), role_of("die", "en"), role_of("die", "xx")) == ("binding", "", None)
    assert role_of("And,", "en") == ""
    assert role_of("AND", "en-GB") == "conjunction"


def test_lines_do_not_end_with_an_article() -> None:
    (cue,) = texts(said("It is always the most difficult part of the whole day"))
    upper, _ = cue.split("\n")
    assert upper.split()[-1] not in ("the", "of", "a", "is")


def test_a_cue_stays_up_for_as_long_as_reading_takes() -> None:
    (cue,) = build_cues([Caption(said("forty characters of text said in no time", cps=40))], RULES)
    assert cue.end - cue.start == pytest.approx(40 / 15, abs=0.001)
    (cue,) = build_cues([Caption(said("forty characters of text said in no time", cps=40))], CueRules(max_cps=10))
    assert cue.end - cue.start == pytest.approx(40 / 7.5, abs=0.001)


def test_a_cue_lingers_after_its_last_word_but_no_longer_than_a_cue_may() -> None:
    slow = said("Said slowly.", cps=4)
    (cue,) = build_cues([Caption(slow)], RULES)
    assert cue.end == pytest.approx(slow.end + 0.5, abs=0.001)
    slower = said("Said slowly.", cps=12 / 6.8)
    (cue,) = build_cues([Caption(slower)], RULES)
    assert cue.end - cue.start == pytest.approx(7.0, abs=0.001)


def test_a_cue_gives_way_to_the_next_with_a_gap() -> None:
    first = said("No!")
    second = said("A new speaker says a longer sentence.", first.end + 0.2)
    cues = build_cues([Caption(first, speaker="Ann"), Caption(second, speaker="Bo")], CueRules(dash=""))
    assert cues[1].start - cues[0].end == pytest.approx(RULES.min_gap_s)
    assert 0 <= cues[1].start - second.start <= 0.3


def test_words_go_with_the_cue_they_are_in() -> None:
    transcript = said("The first sentence has quite a number of words. The second one is of about the same length.")
    cues = build_cues([Caption(transcript)], RULES)
    assert len(cues) > 1
    assert tuple(word for cue in cues for word in cue.words) == transcript.words
    for cue in cues:
        assert letters("".join(word.text for word in cue.words)) == letters(cue.text)
        assert cue.start == pytest.approx(cue.words[0].start, abs=0.001)


def test_speech_too_fast_to_read_is_kept_and_reported() -> None:
    transcript = said("this is said so fast that nobody could ever read all of it in time " * 4, cps=60)
    cues = build_cues([Caption(transcript), Caption(said("next", transcript.end + 0.1))], RULES)
    assert letters("".join(cue.text for cue in cues)) == letters(transcript.text + "next")
    assert {v.rule for v in violations(cues, RULES)} >= {"max_cps"}


def test_a_word_longer_than_a_line_is_broken_and_reported() -> None:
    cues = build_cues([Caption(said("a " + "x" * 10_000 + " b"))], RULES)
    assert letters("".join(cue.text for cue in cues)) == "a" + "x" * 10_000 + "b"
    assert max(len(line) for cue in cues for line in cue.text.split("\n")) == 42
    assert "broken_word" in {v.rule for v in violations(cues, RULES)}


def test_words_all_at_one_time_still_make_cues_that_can_be_told_apart() -> None:
    words = tuple(Word(3.0, 3.0, f" word{i:02}", 0.5) for i in range(40))
    text = "".join(word.text for word in words).strip()
    cues = build_cues([Caption(Transcript(segment_id=0, text=text, language="en", start=3, end=3, words=words))], RULES)
    assert letters("".join(cue.text for cue in cues)) == letters(text)
    assert all(b.start >= a.end > a.start for a, b in pairwise(cues))


def test_transcripts_out_of_order_come_out_in_order() -> None:
    assert texts(said("Second.", 9), said("First.", 1)) == ["First.", "Second."]


def test_speech_without_word_times_is_cut_by_proportion() -> None:
    text = "The first sentence has quite a number of words to say. The second one is of about the same length as that."
    cues = build_cues([Caption(without_words(text, 10, 20))], RULES)
    assert cues[1].start == pytest.approx(15, abs=0.5)
    assert cues[0].words == ()


def test_word_times_hold_for_a_text_that_is_spelled_otherwise() -> None:
    words = tuple(Word(i, i + 0.8, f" w{i}", 0.9) for i in range(4))
    transcript = Transcript(segment_id=0, text="zero, one, two, three", language="en", start=0, end=3.8, words=words)
    (cue,) = build_cues([Caption(transcript)], RULES)
    assert (cue.text, cue.words) == ("zero, one, two, three", words)


CJK = {
    "zh": "今天我们来聊聊人工智能的发展历史，以及它在PyTorch里怎么实现。首先，“神经网络”这个概念出现在四十年代。",
    "ja": "音声認識システムがどのように動くかについて説明しますので、コンピューターの前に座って、聞いてください。",
    "ko": "안녕하세요 여러분 오늘은 음성 인식 시스템이 어떻게 작동하는지에 대해 설명하겠습니다. 잘 들어 주세요.",
}


@pytest.mark.parametrize("language", CJK)
def test_chinese_japanese_and_korean_keep_16_full_width_characters(language: str) -> None:
    rules = CueRules.for_language(language)
    cues = build_cues([Caption(without_words(CJK[language], 0, len(CJK[language]) / 5, language))], rules)
    assert violations(cues, rules) == []
    assert letters("".join(cue.text for cue in cues)) == letters(CJK[language])
    lines = [line for cue in cues for line in cue.text.split("\n")]
    assert not any(line[0] in "，。、”ーっ" or line[-1] in "“「" for line in lines)


def test_latin_words_in_chinese_are_not_broken() -> None:
    cues = texts(without_words(CJK["zh"], 0, 20), rules=CueRules.for_language("zh"))
    assert any("PyTorch" in line for cue in cues for line in cue.split("\n"))


def test_chinese_words_with_times_are_not_broken_between_cues() -> None:
    words = tuple(
        Word(i * 0.5, i * 0.5 + 0.5, text, 0.9) for i, text in enumerate(["人工智能", "语音识别", "字幕"] * 6)
    )
    text = "".join(word.text for word in words)
    transcript = Transcript(segment_id=0, text=text, language="zh", start=0, end=9, words=words)
    cues = build_cues([Caption(transcript)], CueRules.for_language("zh"))
    assert len(cues) > 1
    assert all("".join(word.text for word in cue.words) == letters(cue.text) for cue in cues)


def test_korean_is_broken_at_spaces_only() -> None:
    lines = "\n".join(texts(without_words(CJK["ko"], 0, 12), rules=CueRules.for_language("ko"))).split("\n")
    assert [word for line in lines for word in line.split()] == CJK["ko"].split()


@pytest.mark.parametrize(
    ("text", "together"),
    [
        ("これはとても長いデータの説明なのですが、全部で百パーセントではなく、ｶｰｿﾙを使います。", ["データ", "ｶｰｿﾙ"]),
        ("这个项目一共花了2026年的三个月时间，最后的价格是￥3500元，大家都觉得很满意。", ["2026年", "￥3500元"]),
        ("他停了一下——然后继续说下去……没有人知道他到底在想什么，也没有人问他这个问题。", ["——", "……"]),
    ],
)
def test_what_belongs_together_in_chinese_and_japanese_is_not_parted(text: str, together: list[str]) -> None:
    for size in (8, 9, 10, 12):
        rules = CueRules(max_line_chars=size, full_width=True)
        lines = "\n".join(texts(without_words(text, 0, 20, "zh"), rules=rules)).split("\n")
        assert "".join(lines) == text
        assert all(any(part in line for line in lines) for part in together)
        assert not any(line[0] in "ーｰァｿ—…，。、" or line[-1] in "￥" for line in lines)


def test_frequent_chinese_words_are_kept_whole_and_cues_begin_with_conjunctions() -> None:
    text = "今天我们来聊聊人工智能的发展历史以及它在电脑里怎么实现因为计算机的速度以前实在是太慢了但是现在已经不同了"
    cues = texts(without_words(text, 0, 10, "zh"), rules=CueRules.for_language("zh"))
    lines = "\n".join(cues).split("\n")
    assert "".join(lines) == text
    assert all(any(word in line for line in lines) for word in ("我们", "发展", "历史", "以及", "因为", "但是", "已经"))
    assert sum(line[:2] in ("以及", "因为", "但是") for line in lines) >= 2


def test_chinese_numbers_and_small_words_stay_with_what_they_belong_to() -> None:
    text = "首先，让我们来看一下过去十年里这项技术是怎么发展起来的。"
    cues = texts(without_words(text, 0, 6, "zh"), rules=CueRules.for_language("zh"))
    assert cues == ["首先，让我们来看一下过去十年里\n这项技术是怎么发展起来的。"]


def test_japanese_words_keep_their_endings() -> None:
    lines = "\n".join(texts(without_words(CJK["ja"], 0, 12, "ja"), rules=CueRules.for_language("ja"))).split("\n")
    assert not any("\u3041" <= line[0] <= "\u309f" for line in lines if line[:2] not in ("まず", "その"))


def test_arabic_keeps_its_words_and_order() -> None:
    text = "مرحبا بكم جميعا، سنتحدث اليوم عن نظام التعرف على الكلام الذي يعمل على جهاز الكمبيوتر. هل أنتم مستعدون؟"
    cues = texts(without_words(text, 0, 8, "ar"))
    assert cues[-1].endswith("؟")
    assert " ".join(cues).split() == text.split()


def test_thai_vowels_and_tones_stay_with_their_consonant() -> None:
    text = "วันนี้เราจะมาพูดถึงระบบรู้จำเสียงพูดอัตโนมัติที่ทำงานบนคอมพิวเตอร์ของคุณเองโดยไม่ต้องใช้อินเทอร์เน็ต"
    lines = "\n".join(texts(without_words(text, 0, 9, "th"), rules=CueRules(max_line_chars=20))).split("\n")
    assert "".join(lines) == text
    assert not any(re.match("[\u0e30-\u0e3a\u0e45-\u0e4e]", line) or line[-1] in "เแโใไ" for line in lines)


def test_characters_of_several_code_points_are_not_broken() -> None:
    family, flag = "👩\u200d👩\u200d👧", "🇫🇷"
    cues = texts(without_words((family + flag) * 30, 0, 30))
    lines = "\n".join(cues).split("\n")
    assert all(re.fullmatch(f"(?:{family}|{flag})+", line) for line in lines)


def test_marks_that_stand_alone_stay_with_their_word() -> None:
    lines = texts(said("« Est-ce que tout cela vous convient aussi bien » ? « Oui »"))[0].split("\n")
    assert all(line[0] not in "»?" and line[-1] != "«" for line in lines)


SOURCE = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
TARGET = "因此，我的美国同胞们，不要问你们的国家能为你们做些什么，而要问你们能为你们的国家做些什么。"


def bilingual(show: Show) -> list[Cue]:
    transcript = said(SOURCE, cps=10)
    captions = [Caption(transcript, transcript.translated(TARGET, "zh"))]
    shown = CueRules.for_language("zh") if show == "translation" else RULES
    return build_cues(captions, shown, show, translation_rules=CueRules.for_language("zh"))


def test_a_bilingual_cue_has_what_belongs_together() -> None:
    first, second = bilingual("both")
    assert (letters(first.text)[-4:], letters(first.translation)[-5:]) == ("you,", "做些什么，")
    assert letters(second.text) == letters("ask what you can do for your country.")
    assert violations([first, second], RULES, CueRules.for_language("zh")) == []


def test_a_translation_alone_is_cut_by_its_own_marks_within_the_time_of_the_speech() -> None:
    cues = bilingual("translation")
    assert letters("".join(cue.text for cue in cues)) == TARGET
    assert all(cue.translation == "" and cue.words == () for cue in cues)
    assert cues[0].start == 1.0
    assert cues[-1].start < 1 + len(SOURCE) / 10


def test_what_was_not_translated_is_shown_as_it_was_said() -> None:
    assert build_cues([Caption(said("Yes."))], RULES, "translation")[0].text == "Yes."
    assert build_cues([Caption(said("Yes."))], RULES, "both")[0].translation == ""


def librivox() -> list[Transcript]:
    """Real word times, one after the other as if they were one recording."""
    files = sorted((AUDIO / "read").glob("librivox-*.words.json"))
    if not files:
        pytest.skip(f"no librivox-*.words.json in {AUDIO / 'read'} (set WORKBENCH_TEST_AUDIO)")
    transcripts = []
    offset = 0.0
    for file in files:
        data = json.loads(file.read_text())
        spoken = [word for word in data["w"] if not word["t"].startswith(("<", "["))]
        words = tuple(
            Word(offset + w["b"], offset + w["b"] + w["d"], " " + re.sub(r"\(\d+\)$", "", w["t"]), w["p"])
            for w in spoken
        )
        text = "".join(word.text for word in words).strip()
        transcripts.append(
            Transcript(segment_id=0, text=text, language="en", start=words[0].start, end=words[-1].end, words=words)
        )
        offset += data["d"]
    return transcripts


def test_real_read_speech_gives_cues_without_a_violation() -> None:
    transcripts = librivox()
    cues = build_cues([Caption(t) for t in transcripts], RULES)
    assert violations(cues, RULES) == []
    assert " ".join(cue.text for cue in cues).split() == " ".join(t.text for t in transcripts).split()
    for cue in cues:
        assert cue.start == pytest.approx(cue.words[0].start, abs=0.001)


def test_real_read_speech_with_a_translation_of_each_gives_no_violation() -> None:
    captions = [Caption(t, t.translated(t.text.upper(), "en")) for t in librivox()]
    cues = build_cues(captions, RULES, "both")
    assert violations(cues, RULES) == []
    assert letters("".join(c.text for c in cues)).upper() == letters("".join(c.translation for c in cues))


WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cf", "Mn", "Me", "Mc", "So", "Sk")), min_size=1
)
SHORT_WORDS = st.one_of(
    st.sampled_from(["the", "one,", "Yes.", "people", "extraordinary", "字幕", "、", "«", "?", "ねこ", "안녕"]),
    WORDS.filter(lambda word: RULES.measure(word) <= 20),
)


@st.composite
def conversations(draw: st.DrawFn, words: st.SearchStrategy[str] = SHORT_WORDS) -> list[Caption]:
    captions = []
    for _ in range(draw(st.integers(0, 4))):
        time = start = draw(st.floats(0, 30))
        timed = []
        for text in draw(st.lists(words, min_size=1, max_size=40)):
            time += draw(st.sampled_from([0.0, 0.0, 0.1, 0.5, 3.0]))
            end = time + draw(st.sampled_from([0.0, 0.2, 0.5, 8.0]))
            timed.append(Word(time, end, " " + text, 0.5))
            time = end
        text = "".join(word.text for word in timed).strip()
        kept = tuple(timed) if draw(st.booleans()) else ()
        transcript = Transcript(segment_id=0, text=text, language="xx", start=start, end=time, words=kept)
        translation = transcript.translated(text[::-1], "yy") if draw(st.booleans()) else None
        captions.append(Caption(transcript, translation, draw(st.sampled_from([None, "Ann"]))))
    return captions


def assert_in_order(cues: list[Cue]) -> None:
    assert all(cue.start < cue.end <= cue.start + RULES.max_duration_s + 0.001 for cue in cues)
    assert all(before.end <= after.start for before, after in pairwise(cues))


@settings(max_examples=300, deadline=None)
@given(conversations(), st.sampled_from(["source", "translation", "both"]))
def test_cues_never_overlap_and_text_survives(captions: list[Caption], show: Show) -> None:
    cues = build_cues(captions, RULES, show)
    assert_in_order(cues)
    in_order = sorted(captions, key=lambda caption: caption.transcript.start)
    source = [c.transcript.text for c in in_order]
    target = [c.translation.text if c.translation else "" for c in in_order]
    if show == "translation":
        source = [translated or text for text, translated in zip(source, target, strict=True)]
    assert letters("".join(cue.text for cue in cues)) == letters("".join(source))
    assert letters("".join(cue.translation for cue in cues)) == letters("".join(target if show == "both" else []))


@settings(max_examples=200, deadline=None)
@given(conversations())
def test_lines_keep_their_limits_when_words_fit(captions: list[Caption]) -> None:
    found = violations(build_cues(captions, RULES), RULES)
    assert not {v.rule for v in found} & {"max_lines", "max_line_chars", "max_duration_s", "min_gap_s"}


@settings(max_examples=100, deadline=None)
@given(conversations(st.text(min_size=1).filter(str.strip)))
def test_any_text_at_all_gives_cues_in_order_that_hold_it(captions: list[Caption]) -> None:
    cues = build_cues(captions, CueRules(max_line_chars=8))
    assert_in_order(cues)
    in_order = sorted(captions, key=lambda caption: caption.transcript.start)
    assert letters("".join(c.text for c in cues)) == letters("".join(c.transcript.text for c in in_order))
