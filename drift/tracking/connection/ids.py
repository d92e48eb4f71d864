"""Ids that MLflow gives of runs and logged models. Whoever writes to its database chooses them: checked before use."""

from __future__ import annotations

import re

from drift.errors import TrackingError

RUN_ID = re.compile(r"[0-9a-f]{32}")
MODEL_ID = re.compile(r"m-[0-9a-f]{32}")  # in a model's address, too, and in the folder that holds it


def require_run_id(run_id: str) -> str:
    """The id of a run, which may then be part of a path.

    Raises:
        TrackingError: it is not one as MLflow makes them.
    """
    return _required(run_id, RUN_ID, "run", "32 hexadecimal digits")


def require_model_id(model_id: str) -> str:
    """The id of a logged model; raises as `require_run_id`."""
    return _required(model_id, MODEL_ID, "model", "m- and 32 hexadecimal digits")


def _required(text: str, pattern: re.Pattern[str], what: str, form: str) -> str:
    if not pattern.fullmatch(text):
        raise TrackingError(
            f"expected the id of a {what} as MLflow makes them ({form}), got {text[:80]!r}: somebody wrote it into"
            " MLflow's database; delete it there"
        )
    return text
