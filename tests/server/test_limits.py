"""Limits as the command line gives them."""

from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.server.limits import Limits, parse_limits


def test_a_limit_is_given_by_its_name() -> None:
    limits = parse_limits(["sessions=7", "idle_s=1.5"])
    assert limits == Limits(sessions=7, idle_s=1.5)


@pytest.mark.parametrize(
    "text", ["sesions=7", "sessions", "sessions=", "sessions=x", "sessions=0", "idle_s=nan", "idle_s=-1"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_limits([text])
    assert refused.value.hint
