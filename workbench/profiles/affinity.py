"""Binds this process to some of the CPU's cores. Never a reason to stop: where it fails, all cores stay in use."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache

import psutil

from workbench.profiles.optimizer import CoreOptimizer

_log = logging.getLogger(__name__)


def apply(choice: str | Sequence[int]) -> list[int]:
    """Bind to "half" (the first half of the cores), "all", "none" (leave it alone) or to the CPUs of these numbers.

    Returns the CPUs it is bound to now; empty when nothing was done. Threads made from now on follow it.
    """
    if choice == "none":
        return []
    try:
        process = psutil.Process()
        process.cpu_affinity(_wanted(choice, _allowed()))
        bound = sorted(process.cpu_affinity())
    except (psutil.Error, OSError, ValueError, AttributeError) as error:
        reason = "this system cannot bind processes" if isinstance(error, AttributeError) else str(error)
        _log.warning("CPU affinity %r is not set: %s", choice, reason)
        return []
    _log.info("bound to CPUs %s", bound)
    return bound


@cache
def _allowed() -> tuple[int, ...]:
    """The CPUs this process could run on before it was bound for the first time."""
    return tuple(sorted(psutil.Process().cpu_affinity()))


def _wanted(choice: str | Sequence[int], allowed: Sequence[int]) -> list[int]:
    if choice == "all":
        return list(allowed)
    if choice == "half":
        cores = min(psutil.cpu_count(logical=False) or len(allowed), len(allowed))
        return [allowed[index] for index in CoreOptimizer().get_cpu_affinity_cores(cores)]
    if isinstance(choice, str):
        raise ValueError("it must be half, all, none or a list of numbers")
    if not set(choice) & set(allowed):
        raise ValueError(f"of these CPUs none is among those allowed, {list(allowed)}")
    return sorted(set(choice) & set(allowed))
