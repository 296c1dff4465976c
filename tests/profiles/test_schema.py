from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.audit import examples
from workbench.errors import ProfileError
from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.schema import MAX_BYTES, load_profile, mismatches, parse_profile

GOOD = """\
schema = 1
name = "laptop-cpu"

[hardware]
cpu_threads = 8
memory_gib = 15.6
memory_mapping = false
cpu_affinity = "half"

[asr]
engine = "faster-whisper"
instances = { min = 1, max = 2 }
isolation = "thread"
[asr.options]
model = "auto"
concurrency = 2

[settings]
language = "en"
hotwords = "workbench"
"""


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "my.toml")
    return caught.value.problems


def test_a_profile_is_read() -> None:
    profile = parse_profile(GOOD)
    assert (profile.name, profile.hardware.cpu_threads, profile.hardware.cpu_affinity) == ("laptop-cpu", 8, "half")
    assert profile.asr is not None
    assert (profile.asr.engine, profile.asr.instances.max) == ("faster-whisper", 2)
    assert profile.asr.options == {"model": "auto", "concurrency": 2}
    assert (profile.settings.language, profile.settings.voice) == ("en", None)
    assert list(profile.stages()) == ["asr"]


def test_four_mistakes_show_at_once_each_with_its_line_and_what_was_meant() -> None:
    text = GOOD.replace("[hardware]", "[hardwear]").replace("engine =", "engin =").replace("max = 2", 'max = "two"')
    text = text.replace("hotwords =", "hotword =")
    assert problems_of(text) == (
        "my.toml:4: hardwear: unknown key (did you mean 'hardware'?)",
        "my.toml:10: asr.engine: is missing",
        "my.toml:11: asr.engin: unknown key (did you mean 'engine'?)",
        "my.toml:12: asr.instances.max: must be a whole number, not the text 'two'",
        "my.toml:20: settings.hotword: unknown key (did you mean 'hotwords'?)",
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("schema = 1", "schema = 2", "my.toml:1: schema: must be 1, not 2"),
        ('"laptop-cpu"', '""', "my.toml:2: name: must not be empty"),
        ('"laptop-cpu"', "3", "my.toml:2: name: must be text, not 3"),
        ("= 8\n", "= 0\n", "my.toml:5: hardware.cpu_threads: must be at least 1, not 0"),
        ("= 8\n", "= true\n", "my.toml:5: hardware.cpu_threads: must be a whole number, not true"),
        ("15.6", "-1", "my.toml:6: hardware.memory_gib: must be more than 0, not -1"),
        ("false", '"no"', "my.toml:7: hardware.memory_mapping: must be true or false, not the text 'no'"),
        (
            '"half"',
            '"hlaf"',
            'my.toml:8: hardware.cpu_affinity: must be "half", "all", "none" or a list of core numbers, like [0, 1]',
        ),
        ("{ min = 1, max = 2 }", "3", "my.toml:12: asr.instances: must be a table, not 3"),
        ("min = 1, max = 2", "min = 2", "my.toml:12: asr.instances: min (2) is more than max (1)"),
        ("max = 2", "acquire_timeout_s = 0", "my.toml:12: asr.instances.acquire_timeout_s: must be more than 0, not 0"),
        (
            '"thread"',
            '"thraed"',
            "my.toml:13: asr.isolation: must be 'thread', not the text 'thraed' (did you mean 'thread'?)",
        ),
        (
            "isolation =",
            "beam_size =",
            "my.toml:13: asr.beam_size: unknown key (settings of the engine belong in [asr.options])",
        ),
        ('"en"', "1", "my.toml:19: settings.language: must be text, not 1"),
        ("= 8\n", "= \n", "my.toml:5:15: a value is missing or not valid TOML"),
        ("model =", "concurrency =", "my.toml:16:16: a key is given twice"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_in_plain_words_with_its_line(old: str, new: str, problem: str) -> None:
    assert problems_of(GOOD.replace(old, new, 1)) == (problem,)


def test_affinity_may_be_a_list_of_cores() -> None:
    assert parse_profile(GOOD.replace('"half"', "[0, 3]")).hardware.cpu_affinity == [0, 3]


def test_files_at_once_is_four_where_a_profile_does_not_say() -> None:
    assert parse_profile(GOOD).jobs.files_at_once == 4
    assert "jobs" not in parse_profile(GOOD).to_dict(), "it is written as it was"
    assert parse_profile(GOOD + "[jobs]\nfiles_at_once = 1\n").jobs.files_at_once == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("files_at_once = 0", "jobs.files_at_once: must be at least 1, not 0"),
        ("files_at_once = 65", "jobs.files_at_once: must be at most 64, not 65"),
        ("files_at_onec = 2", "jobs.files_at_onec: unknown key (did you mean 'files_at_once'?)"),
    ],
)
def test_a_mistake_in_the_table_of_jobs_is_said_with_its_line(line: str, problem: str) -> None:
    assert problems_of(f'schema = 1\nname = "a"\n[jobs]\n{line}\n') == (f"my.toml:4: {problem}",)


def test_an_error_reads_as_a_whole() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile("schema = 1\nname = 1\nx = 1\n", "my.toml")
    assert str(caught.value).splitlines() == [
        "my.toml has 2 mistakes",
        "  my.toml:2: name: must be text, not 1",
        "  my.toml:3: x: unknown key",
    ]


def mistakes_in(text: str) -> tuple[str, ...]:
    """Those of a text that may be right; any other exception goes on."""
    try:
        parse_profile(text, "x.toml")
    except ProfileError as error:
        return error.problems or ("no problem is named",)
    return ()


FRAGMENTS = st.sampled_from(
    [
        "schema",
        "name",
        "[asr]",
        "[[asr]]",
        "engine",
        "=",
        "1",
        '"x"',
        "'''",
        '"""',
        "{",
        "}",
        "[",
        "]",
        ".",
        "\n",
        "#",
        ",",
    ]
)


@given(st.text() | st.lists(FRAGMENTS, max_size=40).map(" ".join))
@example("x = " + "[" * 5000)
@example("x = " + "9" * 5000)
@example("asr = 1\nvad = []\nhardware = ''\nsettings = 2020-01-01")
@example("[asr]\nengine = 'x'\noptions = {a = {b = [{c = 1}]}}\n[asr.options.a]")
def test_no_text_gives_anything_but_a_profile_or_a_profile_error(text: str) -> None:
    assert all(problem.startswith("x.toml:") for problem in mistakes_in(text))


@settings(max_examples=examples(100, 2000))
@given(st.integers(0, len(GOOD) - 1), st.characters(), st.integers(0, 30))
def test_no_mutation_of_a_good_profile_gives_anything_but_a_profile_error(at: int, character: str, cut: int) -> None:
    assert all(problem.startswith("x.toml:") for problem in mistakes_in(GOOD[:at] + character + GOOD[at + cut :]))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"schema = 1\nname = '\xff'", ":2: is not UTF-8 text"),
        ("schema = 1".encode("utf-16"), ":1: is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), f": is larger than {MAX_BYTES} bytes, so it is no profile"),
    ],
    ids=["latin-1", "utf-16", "large"],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert caught.value.problems == (f"{path}{problem}",)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_profile(path).name == "laptop-cpu"


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path)


def test_a_profile_of_another_machine_gives_warnings() -> None:
    text = 'schema=1\nname="x"\n[hardware]\ncpu_threads=8\nmemory_gib=16.0\ngpu_count=1\ngpu_memory_gib=8.0\n'
    profile = parse_profile(text + '[asr]\nengine="e"\noptions.device="cuda"')
    here = HardwareInfo(cpu_cores=2, cpu_threads=4, memory_total_mb=8192)
    assert mismatches(profile, here) == [
        "profile 'x' cannot run here: asr is to run on CUDA, and this machine has no NVIDIA GPU",
        "profile 'x' was made for 8 CPU threads, this machine has 4",
        "profile 'x' was made for 16.0 GiB of RAM, this machine has 8.0",
        "profile 'x' was made for 1 GPUs, this machine has 0",
        "profile 'x' was made for 8.0 GiB of GPU memory, this machine has 0.0",
    ]


def test_a_profile_of_this_machine_gives_no_warning() -> None:
    profile = parse_profile(
        'schema=1\nname="x"\n[hardware]\ncpu_threads=8\nmemory_gib=16.0\ngpu_count=1\ngpu_memory_gib=8.0'
    )
    there = HardwareInfo(cpu_threads=8, memory_total_mb=16000, gpu_count=1, gpu_memory_mb=(8192,), cuda_available=True)
    assert mismatches(profile, there) == []
