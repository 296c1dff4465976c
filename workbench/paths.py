"""Where files live: the platform's folders, or what WORKBENCH_{CONFIG,DATA,STATE,CACHE}_DIR say."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_NAME = "audio-workbench"


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or default).expanduser()


def tidied(path: Path) -> Path:
    """The same place without the detours of `..`; where a link on the way would lead them elsewhere, `path`."""
    if ".." not in path.parts:
        return path
    short = Path(os.path.normpath(path))
    return short if os.path.realpath(short) == os.path.realpath(path) else path


def config_dir() -> Path:
    """Profiles and choices."""
    return _folder("WORKBENCH_CONFIG_DIR", platformdirs.user_config_dir(_NAME, appauthor=False))


def data_dir() -> Path:
    """Sessions and jobs."""
    return _folder("WORKBENCH_DATA_DIR", platformdirs.user_data_dir(_NAME, appauthor=False))


def state_dir() -> Path:
    """Logs."""
    return _folder("WORKBENCH_STATE_DIR", platformdirs.user_state_dir(_NAME, appauthor=False))


def log_file() -> Path:
    """Where tracebacks go."""
    return state_dir() / "workbench.log"


def cache_dir() -> Path:
    """Models that can be fetched or put together again."""
    return _folder("WORKBENCH_CACHE_DIR", platformdirs.user_cache_dir(_NAME, appauthor=False))
