"""How long jobs are kept: the table [jobs] of config.toml."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench import config
from workbench.errors import UsageError, WorkbenchError, did_you_mean
from workbench.jobs.store import JobStore

_Days: TypeAlias = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
_log = logging.getLogger(__name__)


class Retention(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    keep_over_days: _Days = 7
    """Jobs that are finished or cancelled, after anything of them was written."""
    keep_days: _Days = 30
    """All others."""
    most_gib: Annotated[float, Field(ge=0, le=1 << 20, allow_inf_nan=False)] = 1
    """Of all jobs together: those that are finished or cancelled go for it, the oldest first, and no others."""

    def apply(self, store: JobStore) -> list[str]:
        """Clean up, and tell the log, which has what cannot be done too. Gives the names of what went. Blocks."""
        try:
            removed = store.clean(
                keep=timedelta(days=self.keep_days),
                keep_over=timedelta(days=self.keep_over_days),
                most_bytes=round(self.most_gib * (1 << 30)),
            )
        except WorkbenchError as error:
            _log.warning("jobs are not cleaned up: %s", error)
            return []
        if removed:
            _log.info("jobs removed, see [jobs] in config.toml: %s", ", ".join(removed))
        return removed


def chosen() -> Retention:
    """What config.toml says, else the defaults. Raises `UsageError`."""
    table = config.read().get("jobs", {})
    try:
        return Retention.model_validate(table)
    except ValidationError as error:
        problems = "; ".join(_problem(details) for details in error.errors())
        hint = f"[jobs] takes {', '.join(Retention.model_fields)}, each a number from 0 on."
        raise UsageError(problems, hint=hint) from error


def _problem(details: Any) -> str:
    place = config.located(("jobs", *map(str, details["loc"])))
    if details["type"] == "extra_forbidden":
        return f"{place} is not known{did_you_mean(str(details['loc'][0]), Retention.model_fields)}"
    return f"{place}: {details['msg']}"
