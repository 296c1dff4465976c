"""Every text of the interface has its Chinese, and the same gaps to fill in."""

from __future__ import annotations

import ast
import errno
import re
import string
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import FakeLive, drive, lines
from tests.tui.small_engines import small_registry
from workbench import tui
from workbench.audio.decode import decode
from workbench.disk_errors import said_plainly
from workbench.errors import WorkbenchError
from workbench.models import catalog
from workbench.phrase import Phrase
from workbench.tui import keymap, live_input, texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.texts import _

FOLDER = Path(tui.__file__).parent
MODULES = sorted([*FOLDER.rglob("*.py"), FOLDER.parent / "cli" / "tui.py"])
CATALOGUES = sorted((FOLDER / "texts" / "zh").glob("*.toml"))


PLACES = {"_": 0, "texts._": 0, "Binding": 2}
"""Which argument of a call is a text."""


def literals(module: Path) -> Iterator[str]:
    """The texts of a module, which must be written out: of each `_()`, and the descriptions of keys."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Call) and len(node.args) > (place := PLACES.get(ast.unparse(node.func), 99)):
            text = node.args[place]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield text.value


def translated_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Each `_()` that is called when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and ast.unparse(child.func) in ("_", "texts._"):
            yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from translated_at_import(child)


def gaps(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("module", MODULES, ids=[str(module.relative_to(FOLDER.parent)) for module in MODULES])
def test_every_text_has_its_chinese(module: Path) -> None:
    chinese = texts.catalogue("zh")
    missing = sorted({text for text in literals(module) if text not in chinese})
    assert not missing


@pytest.mark.parametrize("module", MODULES, ids=[str(module.relative_to(FOLDER.parent)) for module in MODULES])
def test_nothing_is_translated_before_the_language_is_known(module: Path) -> None:
    calls = translated_at_import(ast.parse(module.read_text("utf-8")))
    assert not [f"{module}:{call.lineno}: {ast.unparse(call)}" for call in calls]


@pytest.mark.parametrize("file", CATALOGUES, ids=[file.stem for file in CATALOGUES])
def test_the_chinese_has_the_same_gaps(file: Path) -> None:
    for english, chinese in tomllib.loads(file.read_text("utf-8")).items():
        assert gaps(english) == gaps(chinese), english


OURS = [file for file in CATALOGUES if file.stem != "textual"]


@pytest.mark.parametrize("file", OURS, ids=[file.stem for file in OURS])
def test_no_chinese_is_left_over_from_a_text_that_is_gone(file: Path) -> None:
    assert not tomllib.loads(file.read_text("utf-8")).keys() - set(constants())


def constants() -> Iterator[str]:
    """All texts, those too that are translated where they are shown: the labels of tabs, words of tables."""
    for module in FOLDER.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_two_catalogues_do_not_say_the_same_thing_differently() -> None:
    said: dict[str, str] = {}
    for file in CATALOGUES:
        for english, chinese in tomllib.loads(file.read_text("utf-8")).items():
            assert said.setdefault(english, chinese) == chinese, f"{file.name}: {english}"


def test_a_sentence_of_the_core_is_said_in_the_language_in_use() -> None:
    lost = Phrase("No engine is left for {kind}.", kind=Phrase("asr"))
    assert _(lost) == "No engine is left for asr."
    texts.use("zh")
    assert _(lost) == "没有引擎可用于识别。"


def test_what_people_meet_most_is_said_in_the_language_in_use(tmp_path: Path) -> None:
    def said(name: str, data: bytes | None) -> tuple[str, str]:
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(WorkbenchError) as caught:
            list(decode(tmp_path / name))
        return _(caught.value.message).replace(str(tmp_path), ""), _(caught.value.hint)

    texts.use("zh")
    assert said("{gone}.wav", None) == ("没有这个文件：'/{gone}.wav'", "请检查文件名和文件夹。")
    assert said("empty.wav", b"") == ("'/empty.wav' 是空的", "生成它的录音或复制没有完成。")
    assert said("notes.txt", b"notes")[0] == "'/notes.txt' 不是可读取的音频或视频"
    with pytest.raises(WorkbenchError) as full, said_plainly(Path("a.srt")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert _(full.value.message) == "'a.srt' 无法写入：磁盘已满"
    small = catalog.Model(name="small", engine="e", languages=(), license="MIT", size=1, memory_mb=1, files=())
    assert _(catalog.absent(small, "offline").message) == "此计算机上没有模型 'small'，offline"


def test_a_text_is_filled_in_in_either_language() -> None:
    assert _("Theme: {name}", name="dark") == "Theme: dark"
    texts.use("zh")
    assert _("Theme: {name}", name="dark") == "主题：dark"
    assert _("nobody translated this") == "nobody translated this"


@pytest.mark.parametrize(
    ("chosen", "environment", "language"),
    [
        (None, {}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        (None, {"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh"),
        ("zh", {"LANG": "en_US.UTF-8"}, "zh"),
        ("en", {"LC_ALL": "zh_CN"}, "en"),
        (None, {"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        (None, {"LANG": "fr_FR.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_environments(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, environment: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert texts.preferred(chosen) == language


NAMES = (
    "workbench english toml keys cpu gpu ram rms peak max clip esc tab shift ctrl super space pgup pgdn home end mic"
)
"""What is not translated: units, keys, names of things; names of engines and of actions besides."""


@pytest.mark.parametrize("screen", ["live", "jobs", "plugins", "sessions", "notices"])
@pytest.mark.parametrize("keys", [(), ("colon",), ("question_mark",)], ids=["itself", "palette", "help"])
def test_no_english_is_left_on_a_chinese_screen(
    make: Callable[..., WorkbenchApp],
    live: FakeLive,
    screen: str,
    keys: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts.use("zh")
    monkeypatch.setattr(live_input, "default_label", lambda _device: "mic")
    live.registry = small_registry()
    engines = [r.name for r in live.registry.registrations]
    plugins = [f"{p.name} {p.distribution} {p.error}" for p in live.registry.plugins]

    async def test(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)
        await pilot.pause()
        known = [NAMES, *engines, *plugins, *keymap.bindings(), *app.available_themes, str(keymap.keys_file())]
        names = words(" ".join(known))
        left = words("\n".join(lines(app))) - names
        assert not [word for word in left if not any(name.startswith(word) for name in names)], "some are cut off"

    drive(app := make(screen), test, (160, 50))


def words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Za-z]{2,}", text)}
