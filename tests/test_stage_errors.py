"""What is said of an engine's errors."""

from __future__ import annotations

import pytest

from workbench.engines import StageKind
from workbench.errors import InputError, StageError
from workbench.stage_errors import is_out_of_memory, named


def test_an_error_that_says_what_to_do_is_raised_as_it_is_and_is_not_its_own_cause() -> None:
    error = InputError("the file has no sample that is a number", hint="Take another.")
    with pytest.raises(InputError) as caught, named(StageKind.CAPTURE, "file", 0.0):
        raise error
    assert caught.value is error
    assert error.__cause__ is None
    assert not is_out_of_memory(error)


def test_an_engines_exception_is_the_cause_of_what_is_said() -> None:
    says = r"asr engine 'echo' failed at 1:05\.0: "
    with pytest.raises(StageError, match=says) as caught, named(StageKind.ASR, "echo", 65.0):
        raise RuntimeError("CUDA out of memory")
    assert is_out_of_memory(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
