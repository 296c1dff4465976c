"""Errors of engines say which stage and where, and whether the same may work another time."""

from __future__ import annotations

import pytest

from workbench.engines import StageKind
from workbench.errors import (
    EngineError,
    InputError,
    MissingError,
    PoolBusy,
    StageError,
    UsageError,
    WorkbenchError,
)
from workbench.stage_errors import explained, is_out_of_memory, is_temporary, named


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_an_exception_of_an_engine_is_named_with_its_place() -> None:
    with pytest.raises(StageError) as caught, named(StageKind.ASR, "whisper", 125.43):
        raise ValueError("a crumb\nof many")
    assert caught.value.message == "asr engine 'whisper' failed at 2:05.4: ValueError: a crumb of many"
    assert caught.value.hint.startswith("Details: ")
    assert isinstance(caught.value.__cause__, ValueError)


def test_no_minute_has_sixty_seconds() -> None:
    assert " failed at 1:00.0: " in explained(StageKind.ASR, "whisper", 59.97, ValueError()).message


def test_where_memory_is_short_it_is_said_what_takes_less() -> None:
    found = explained(StageKind.TRANSLATION, "words", 0.0, MemoryError())
    assert found.stage is StageKind.TRANSLATION
    assert found.hint.startswith("Close other programs, or name a smaller one with --engine translation=NAME.")


def test_an_error_with_a_hint_keeps_it() -> None:
    found = explained(StageKind.VAD, "silero", 0.0, EngineError("no answer", hint="Restart it."))
    assert found.hint == "Restart it."
    assert found.message.startswith("vad engine 'silero' failed at 0:00.0: ")
    assert found.message.endswith("no answer")


@pytest.mark.parametrize("kind", [UsageError, MissingError, InputError])
def test_an_error_that_says_itself_what_is_to_be_done_stays_as_it_is(kind: type[WorkbenchError]) -> None:
    error = kind("there is no file", hint="Check the path.")
    with pytest.raises(kind) as caught, named(StageKind.CAPTURE, "file", 3.0):
        raise error
    assert caught.value is error


def test_where_nothing_fails_nothing_is_said() -> None:
    with named(StageKind.ASR, "whisper", 0.0):
        pass


@pytest.mark.parametrize(
    "error",
    [
        EngineError("it hung"),
        PoolBusy("full"),
        OSError(5, "Input/output error"),
        ConnectionResetError(),
        MemoryError(),
        RuntimeError("CUDA failed with error out of memory"),
    ],
    ids=repr,
)
def test_what_engines_machines_and_networks_do_may_work_another_time(error: Exception) -> None:
    assert is_temporary(error)


@pytest.mark.parametrize(
    "error", [ValueError("odd samples"), TypeError(), InputError("no audio"), StageError("failed")], ids=repr
)
def test_what_an_item_is_stays_as_it_is(error: Exception) -> None:
    assert not is_temporary(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA failed with error OUT OF MEMORY"), True),
        (EngineError("std::bad_alloc"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("Failed to allocate 3 GB"), True),
        (caused(StageError("asr failed"), MemoryError()), True),
        (caused(StageError("asr failed"), caused(ValueError("x"), RuntimeError("out of memory"))), True),
        (caused(StageError("asr failed"), ValueError("a crumb")), False),
        (ValueError("my memory of it"), False),
        (None, False),
    ],
    ids=repr,
)
def test_short_memory_is_known_by_its_kind_and_by_its_words(error: Exception | None, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
