"""Downloads from a server on this machine that answers as the Hugging Face hub does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import SMALL
from workbench.errors import EngineError, MissingError, OutputError
from workbench.models import Model, locate, present
from workbench.models import download as download_module

WEIGHTS = bytes(range(256)) * 4000
CONFIG = b'{"a": 1}'


@dataclass
class Hub:
    """What the server holds, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=lambda: {"model.bin": WEIGHTS, "config.json": CONFIG})
    declared: dict[str, bytes] = field(default_factory=dict)
    """Content whose hash is declared for a file, where it is not the file's."""
    drop_after: list[int] = field(default_factory=list)
    """How many bytes each next answer with weights gives before the line breaks."""
    fail_with: list[int] = field(default_factory=list)
    """Status of each next answer with weights."""
    ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of each request."""
    revision: str = "0123456789abcdef0123456789abcdef01234567"

    def listing(self) -> dict[str, Any]:
        return {"id": "someone/small", "sha": self.revision, "siblings": [self._sibling(name) for name in self.files]}

    def _sibling(self, name: str) -> dict[str, Any]:
        content = self.declared.get(name, self.files[name])
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        sibling: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
        if name.endswith(".bin"):
            lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            sibling |= {"blobId": "0" * 40, "lfs": lfs}
        return sibling


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append((self.path, self.headers.get("Range", "")))
            if self.path.startswith("/api/models/someone/small"):
                self._answer(200, json.dumps(hub.listing()).encode(), "application/json")
            elif self.path.startswith(f"/someone/small/resolve/{hub.revision}/"):
                self.send_response(302)
                self.send_header("Location", f"/cdn/{self.path.rpartition('/')[2]}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path.startswith("/cdn/"):
                self._file(self.path.removeprefix("/cdn/"))
            else:
                self._answer(404, b"{}", "application/json")

        def _file(self, name: str) -> None:
            if name == "model.bin" and hub.fail_with:
                self._answer(hub.fail_with.pop(0), b"", "text/plain")
                return
            content = hub.files[name]
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")) if hub.ranges else 0
            drop = hub.drop_after.pop(0) if name == "model.bin" and hub.drop_after else None
            self._answer(206 if hub.ranges else 200, content[start:], "application/octet-stream", drop)

        def _answer(self, status: int, body: bytes, kind: str, drop: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:drop])

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("WORKBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(download_module, "PAUSE_S", 0.0)
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def ranges(hub: Hub) -> list[str]:
    return [asked for path, asked in hub.asked if path == "/cdn/model.bin"]


def leftovers(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache/models/fake").iterdir() if path.name != ".small.lock")


def test_a_download_gives_the_hubs_files_and_says_how_far_it_is(hub: Hub, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = locate(SMALL, lambda done, total: told.append((done, total)))
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert (folder / "config.json").read_bytes() == CONFIG
    total = len(WEIGHTS) + len(CONFIG)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    assert leftovers(tmp_path) == ["small"]


def test_what_was_downloaded_is_not_asked_for_again(hub: Hub) -> None:
    locate(SMALL)
    hub.asked.clear()
    assert present(SMALL) == "cache"
    locate(SMALL)
    assert hub.asked == []


def test_an_interrupted_download_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > len(WEIGHTS) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        locate(SMALL, stop)
    assert present(SMALL) is None
    partial = next((tmp_path / "cache/models/fake").glob(".small.*.partial")) / "model.bin"
    size = partial.stat().st_size
    assert 0 < size < len(WEIGHTS)
    told: list[int] = []
    assert (locate(SMALL, lambda done, total: told.append(done)) / "model.bin").read_bytes() == WEIGHTS
    assert ranges(hub) == ["bytes=0-", f"bytes={size}-"]
    assert told[0] > size
    assert leftovers(tmp_path) == ["small"]


def test_a_broken_line_is_taken_up_again(hub: Hub) -> None:
    hub.drop_after = [100_000, 300_000]
    folder = locate(SMALL)
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert ranges(hub) == ["bytes=0-", "bytes=100000-", "bytes=400000-"]


def test_a_server_that_cannot_resume_gives_the_whole_file_again(hub: Hub) -> None:
    hub.ranges, hub.drop_after = False, [100_000]
    told: list[tuple[int, int]] = []
    folder = locate(SMALL, lambda done, total: told.append((done, total)))
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert told[-1] == (len(WEIGHTS) + len(CONFIG),) * 2


def test_a_busy_server_is_asked_again(hub: Hub) -> None:
    hub.fail_with = [503, 429]
    assert (locate(SMALL) / "model.bin").read_bytes() == WEIGHTS


def test_a_line_that_brings_nothing_is_given_up(hub: Hub) -> None:
    hub.drop_after = [0] * 20
    with pytest.raises(MissingError, match="the hub cannot be used"):
        locate(SMALL)
    assert len(ranges(hub)) == download_module.TRIES


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_another_content_than_declared_is_refused_and_thrown_away(hub: Hub, name: str, tmp_path: Path) -> None:
    right = hub.files[name]
    hub.declared[name] = right
    hub.files[name] = right[::-1]
    with pytest.raises(EngineError, match=f"{name} is not what the hub declares"):
        locate(SMALL)
    assert present(SMALL) is None
    hub.files[name] = right
    assert (locate(SMALL) / name).read_bytes() == right


def test_a_new_commit_does_not_go_on_with_the_old_ones_bytes(hub: Hub, tmp_path: Path) -> None:
    hub.drop_after = [100_000] + [0] * download_module.TRIES
    with pytest.raises(MissingError):
        locate(SMALL)
    hub.revision, hub.files["model.bin"], hub.drop_after = "f" * 40, WEIGHTS[::-1], []
    assert (locate(SMALL) / "model.bin").read_bytes() == WEIGHTS[::-1]
    assert leftovers(tmp_path) == ["small"]


def test_only_files_of_the_model_are_fetched_and_none_leaves_the_folder(hub: Hub, tmp_path: Path) -> None:
    hub.files |= {"README.md": b"x", "../../../evil.bin": b"x", "sub/model.bin": b"x", "extra.json": b"{}"}
    folder = locate(SMALL)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "extra.json", "manifest.json", "model.bin"]
    assert not list(tmp_path.rglob("evil.bin"))


def test_a_repository_without_the_weights_is_missing(hub: Hub) -> None:
    del hub.files["model.bin"]
    with pytest.raises(MissingError, match=r"someone/small on the hub has no model\.bin"):
        locate(SMALL)


def test_a_repository_that_is_not_there_is_missing_in_one_line(hub: Hub) -> None:
    nowhere = Model(
        name="nowhere",
        engine="fake",
        languages=(),
        license="",
        size=1,
        memory_mb=1,
        files=("x",),
        repository="no/thing",
    )
    with pytest.raises(MissingError, match="the hub cannot be used") as caught:
        locate(nowhere)
    assert "\n" not in caught.value.message


def test_no_network_is_missing_with_a_hint(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MissingError, match="the hub cannot be used") as caught:
        locate(SMALL)
    assert "\n" not in caught.value.message
    assert caught.value.hint == "When online: workbench models --fetch small"


def test_a_user_who_is_offline_asks_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingError, match="HF_HUB_OFFLINE is set"):
        locate(SMALL)
    assert hub.asked == []


def test_a_full_disk_is_seen_before_anything_is_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match="no room") as caught:
        locate(SMALL)
    assert f"{len(WEIGHTS) + len(CONFIG):,}" in caught.value.hint
    assert ranges(hub) == []


def test_two_at_once_download_it_once(hub: Hub) -> None:
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(locate(SMALL))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 3
    assert len(ranges(hub)) == 1
