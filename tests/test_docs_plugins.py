"""The detector in docs/plugins.md works as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from workbench.testing import assert_streams_are_independent, chunks, run

ROOT = Path(__file__).parents[1]


def test_the_detector_finds_what_is_loud_in_each_stream_alone() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/plugins.md").read_text("utf-8"), re.DOTALL)
    [program] = [block for block in blocks if "FrameDetector" in block]
    names: dict[str, Any] = {}
    exec(program, names)
    detector = names["Louder"](names["Louder"].Options())
    quiet = np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32)
    samples = np.concatenate([quiet, 20 * quiet, quiet])
    (first, *rest) = run(detector, chunks(samples))
    found = np.concatenate([first.probabilities, *(activity.probabilities for activity in rest)])
    assert found.tolist() == [0.0] * 50 + [1.0] * 50 + [0.0] * 50
    assert_streams_are_independent(detector, chunks(samples), chunks(quiet))
