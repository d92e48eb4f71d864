"""The run that `mlflow run` made for this process, once it is adopted (`drift.tracking.runs.project_run`)."""

from __future__ import annotations

_adopted: list[str] = []  # its id


def project_run() -> str | None:
    """The id of the adopted run; None if `mlflow run` made none for this process."""
    return _adopted[0] if _adopted else None


def set_project_run(run_id: str | None) -> None:
    """Adopt a run for the rest of this process; None forgets it."""
    _adopted[:] = [] if run_id is None else [run_id]
