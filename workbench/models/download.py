"""Weights from the Hugging Face hub, into our own cache.

huggingface_hub tells what a repository holds; the bytes are fetched here, since it no longer goes on with a download
that another process began. What it obeys holds here too: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.errors import EngineError, OutputError
from workbench.models.catalog import Model, ModelFile, absent
from workbench.models.packages import take_place
from workbench.models.progress import Meter, Progress
from workbench.models.verification import Manifest, complete_manifest, is_intact, sha256

TRIES: Final = 5
"""How often in a row a request may bring nothing before it is given up."""
PAUSE_S: Final = 1.0
"""Before such a request is made again; each time longer by as much."""
TIMEOUT_S: Final = 10.0
TRANSIENT: Final = {408, 429, 500, 502, 503, 504}
"""Answers after which the same request may do."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file as the hub declares it."""

    name: str
    size: int
    declared: str
    """SHA-256, or the git blob's SHA-1 for a small file that is kept in git."""
    url: str


def is_offline() -> bool:
    """Whether the user forbids downloads."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def download(model: Model, folder: Path, progress: Progress) -> None:
    """Fetch `model` into `folder`, which appears whole and verified, or not at all.

    What an interrupted download left is used. Raises `MissingError` when the hub cannot be reached or has no such
    model, `EngineError` when the hub sends something else than it declares, `OutputError` when the disk is full.
    """
    if is_offline():
        raise absent(model, "HF_HUB_OFFLINE is set")
    try:
        import filelock
        import httpx2
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise absent(model, f"downloads need huggingface_hub>=2 ({error.name} is not installed)") from error
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):
            if complete_manifest(model, folder) is None:  # else someone else was faster
                _download(model, folder, progress)
    except (httpx2.HTTPError, HfHubHTTPError, ConnectionError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise absent(model, f"the hub cannot be used ({reason})") from error
    except OSError as error:
        raise OutputError(f"cannot write model {model.name!r} to {folder}: {error}") from error


def _download(model: Model, folder: Path, progress: Progress) -> None:
    revision, remotes = _listing(model)
    partial = folder.with_name(f".{folder.name}.{revision[:12]}.partial")
    partial.mkdir(exist_ok=True)
    here = {remote.name: _size(partial / remote.name) for remote in remotes}
    meter = Meter(progress, sum(remote.size for remote in remotes), sum(here.values()))
    if shutil.disk_usage(partial).free < meter.total - meter.done:
        raise OutputError(
            f"no room in {folder.parent} for model {model.name!r}", hint=f"It takes {meter.total:,} bytes."
        )
    for remote in remotes:
        _complete(remote, partial / remote.name, meter)
    files = tuple(ModelFile(remote.name, remote.size, sha256(partial / remote.name)) for remote in remotes)
    Manifest(f"{model.repository}@{revision}", files).write(partial)
    take_place(partial, folder)
    for stale in folder.parent.glob(f".{folder.name}.*.partial"):
        shutil.rmtree(stale, ignore_errors=True)


def _listing(model: Model) -> tuple[str, Sequence[_Remote]]:
    """The newest commit of the repository, and those of its files that are needed."""
    from huggingface_hub import HfApi, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT")
    info = HfApi(endpoint=endpoint).model_info(model.repository, files_metadata=True, timeout=TIMEOUT_S)
    revision = info.sha or "main"
    remotes = [
        _Remote(
            name=file.rfilename,
            size=file.size or 0,
            declared=file.lfs.sha256 if file.lfs else file.blob_id or "",
            url=hf_hub_url(model.repository, file.rfilename, revision=revision, endpoint=endpoint),
        )
        for file in info.siblings or ()
        if model.uses(file.rfilename)
    ]
    if lacking := model.lacking([remote.name for remote in remotes]):
        raise absent(model, f"{model.repository} on the hub has no {lacking}")
    return revision, remotes


def _complete(remote: _Remote, path: Path, meter: Meter) -> None:
    """Fetch what is missing of one file, and check its hash."""
    import httpx2

    fruitless = 0
    while (size := _size(path)) < remote.size:
        try:
            _fetch_rest(remote, path, meter)
        except (httpx2.TransportError, httpx2.HTTPStatusError) as error:
            if isinstance(error, httpx2.HTTPStatusError) and error.response.status_code not in TRANSIENT:
                raise
            fruitless = 0 if _size(path) > size else fruitless + 1
            if fruitless == TRIES:
                raise
            _log.info("%s: %s; going on at byte %d", remote.url, error, _size(path))
            time.sleep(fruitless * PAUSE_S)
    if size != remote.size or not is_intact(path, remote.declared):
        path.unlink()
        raise EngineError(
            f"{remote.url} is not what the hub declares: its hash is wrong, so it was thrown away",
            hint="Try again; a proxy on the way may alter downloads.",
        )


def _fetch_rest(remote: _Remote, path: Path, meter: Meter) -> None:
    from huggingface_hub import get_session, get_token

    size = _size(path)
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={size}-"}
    if token := get_token():
        headers["Authorization"] = f"Bearer {token}"
    with get_session().stream("GET", remote.url, headers=headers, timeout=TIMEOUT_S) as response:
        response.raise_for_status()
        resumes = response.status_code == 206
        if not resumes:
            meter.advance(-size)
        with path.open("ab" if resumes else "wb") as file:
            for block in response.iter_bytes():
                file.write(block)
                meter.advance(len(block))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
