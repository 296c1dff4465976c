"""The names that plugins import, and what importing them costs."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import workbench

RUNTIMES = {"torch", "faster_whisper", "onnxruntime", "ctranslate2", "silero_vad", "transformers", "textual"}


def test_every_public_name_exists_and_lives_where_it_is_said_to() -> None:
    for name in workbench.__all__:
        value = getattr(workbench, name)
        module = getattr(value, "__module__", None)
        if name not in ("Samples", "Register", "hookimpl"):  # aliases, and an instance
            assert module == f"workbench.{workbench._MODULE_OF[name]}"


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(inspect.getsource(workbench))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {(alias.name, (node.module or "").removeprefix("workbench.")) for node in imports for alias in node.names}
    assert seen == set(workbench._MODULE_OF.items())
    assert {name for name, _ in seen} == set(workbench.__all__)
    assert len(workbench.__all__) == len(set(workbench.__all__))
    assert set(workbench.__all__) <= set(dir(workbench))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    assert not hasattr(workbench, "Manager")


def _imported_by(*modules: str) -> dict[str, list[str]]:
    """The top-level packages that are there after each import, in one fresh process."""
    program = (
        "import importlib, json, sys\n"
        "after = {}\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    after[name] = sorted({module.partition('.')[0] for module in sys.modules})\n"
        "print(json.dumps(after))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    imported: dict[str, list[str]] = json.loads(result.stdout)
    return imported


def test_importing_the_package_brings_neither_numpy_nor_pydantic() -> None:
    assert not {"numpy", "pydantic", "pluggy"} & set(_imported_by("workbench")["workbench"])


def test_no_module_brings_a_model_runtime() -> None:
    """Modules only add up in one process: where none appears after all, none appears after any."""
    root = Path(workbench.__file__).parent
    paths = [path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py")]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths if "tui" not in path.parts]
    for name, packages in _imported_by(*sorted(set(names) - {"workbench.__main__"})).items():
        assert not RUNTIMES & set(packages), f"{name} imports a model runtime or the terminal interface"
