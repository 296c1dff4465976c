"""How soon `workbench profile detect` knows the machine, against a Python that does nothing; and what it imports."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.machine import child, described, facts

ROUNDS: Final = 11
TARGET_S: Final = 0.5
"""Wall-clock time."""
HEAVY: Final = ("torch", "textual", "faster_whisper", "ctranslate2", "onnxruntime", "av", "numpy")
_DETECT: Final[list[str | Path]] = [Path(sys.executable).with_name("workbench"), "profile", "detect", "--json"]
_BARE: Final[list[str | Path]] = [sys.executable, "-c", "pass"]
_MODULES: Final = """
import json, sys
from workbench.cli import main
sys.argv[1:] = ["profile", "detect", "--json"]
out, sys.stdout = sys.stdout, open("/dev/null", "w")
try:
    main()
except SystemExit:
    json.dump(sorted(sys.modules), out)
"""


def run() -> dict[str, object]:
    for command in (_BARE, _DETECT):
        child(command)
    rounds = [(child(_BARE), child(_DETECT)) for _ in range(ROUNDS)]
    modules = json.loads(child([sys.executable, "-c", _MODULES]).output)
    packages = {module.partition(".")[0] for module in modules}
    return {
        "machine": facts("audio-workbench"),
        "rounds": ROUNDS,
        "target_s": TARGET_S,
        "bare_wall_s": round(median(bare.wall_s for bare, _ in rounds), 4),
        "bare_cpu_s": round(median(bare.cpu_s for bare, _ in rounds), 4),
        "detect_wall_s": round(median(detect.wall_s for _, detect in rounds), 4),
        "detect_cpu_s": round(median(detect.cpu_s for _, detect in rounds), 4),
        "ratio_cpu_s": round(median(detect.cpu_s / bare.cpu_s for bare, detect in rounds), 2),
        "modules": len(modules),
        "heavy": sorted(packages.intersection(HEAVY)),
    }


def report(figures: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"{described(figures['machine'])}; median of {figures['rounds']}",
            *(
                f"{title:<26}{figures[f'{name}_wall_s'] * 1000:>8.0f} ms {figures[f'{name}_cpu_s'] * 1000:>8.0f} ms CPU"
                for name, title in (("bare", "python -c pass"), ("detect", "workbench profile detect"))
            ),
            f"CPU ratio {figures['ratio_cpu_s']:.1f}; target {figures['target_s'] * 1000:.0f} ms",
            f"{figures['modules']} modules imported; of the heavy ones: {', '.join(figures['heavy']) or 'none'}",
        ]
    )
