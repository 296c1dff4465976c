"""How many cases a test tries: few each day, and all that were promised when WORKBENCH_TEST_AUDIT is set."""

from __future__ import annotations

import os


def examples(usual: int, promised: int) -> int:
    return promised if os.environ.get("WORKBENCH_TEST_AUDIT") else usual
