"""What is found by a name that is not typed whole, and what is said of one that is not clear."""

from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.selection import LAST, one_called

KNOWN = {f"2026-{month}": month for month in range(19, 9, -1)}


@pytest.mark.parametrize(("name", "found"), [(LAST, 19), ("2026-10", 10), ("2026-12", 12)])
def test_the_newest_or_the_one_of_that_name_is_found(name: str, found: int) -> None:
    assert one_called(name, KNOWN, "job") == found


def test_a_whole_name_comes_before_longer_ones_and_a_beginning_will_do() -> None:
    assert one_called("talk", {"talk-2": 2, "talk": 1}, "job") == 1
    assert one_called("talk-", {"talk-2": 2, "talk": 1}, "job") == 2


def test_of_many_that_begin_so_five_are_told() -> None:
    with pytest.raises(UsageError, match="10 sessions are called '2026'") as caught:
        one_called("2026", KNOWN, "session")
    assert caught.value.hint == "Say which: 2026-19, 2026-18, 2026-17, 2026-16, 2026-15, ..."


@pytest.mark.parametrize("name", ["2025-10", ""])
def test_where_none_is_meant_it_is_said_how_to_list_them(name: str) -> None:
    with pytest.raises(UsageError, match=f"there is no session '{name}'") as caught:
        one_called(name, KNOWN, "session")
    assert caught.value.hint == "To see them: workbench sessions"
