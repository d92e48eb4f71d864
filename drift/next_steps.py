"""Commands that messages name as the next step, written so that each works when it is typed where it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

from drift.invocation import command_line, typed_again

DEFAULT_MODEL = "drift_model"
DEFAULT_EXPERIMENT = "drift"
DEFAULT_BLOCK_ROWS = 20  # of `drift deploy`


def train_base(experiment: str = DEFAULT_EXPERIMENT, table: Mapping[str, object] | None = None) -> str:
    """Train a base model in an experiment, of the table that `invocation.table_options` gives."""
    return command_line("base", {"mlflow_experiment_name": experiment, **(table or {})})


def deploy(
    experiment: str,
    model: str = DEFAULT_MODEL,
    table: Mapping[str, object] | None = None,
    **options: object,
) -> str:
    """Deploy the best base model of an experiment under a name in the registry."""
    return command_line("deploy", {"mlflow_experiment_name": experiment, **_named(model), **(table or {}), **options})


def resume_deployment(model: str) -> str:
    """Go on with the last unfinished deployment of a model."""
    return command_line("deploy", {"register_model_name": model, "resume": True})


def rollback(model: str, **options: object) -> str:
    """Put the previous version of a model back."""
    return command_line("rollback", {**_named(model), **options})


def status(model: str) -> str:
    """Who serves under a name in the registry."""
    return command_line("status", _named(model))


def serve(model: str) -> str:
    """Serve a model's champion."""
    return command_line("serve", _named(model))


def accept(model: str, version: int | None, run_id: str) -> str:
    """Accept a version of a model, or the model of a run that was not registered yet."""
    named = {"run_id": run_id} if version is None else {**_named(model), "version": version}
    return command_line("accept", named)


def for_other_model(names: Sequence[str], *, default: str = "status") -> str:
    """The models that there are, and the command that was typed with the name of the first of them.

    Args:
        names: of models, at least one.
        default: the command that is named where none was typed.
    """
    *others, last = names
    there = f"there are {', '.join(others)} and {last}" if others else f"there is {last}"
    named = {"register_model_name": None} | _named(names[0])
    return f"{there}: {typed_again(named, default=default)}"


def _named(model: str) -> dict[str, object]:
    """The option that names a model; none for the default one."""
    return {} if model == DEFAULT_MODEL else {"register_model_name": model}


def retrain(options: Mapping[str, object]) -> str:
    """Train a challenger by hand."""
    return command_line("retrain", options)


def after_base(experiment: str, model: str, table: Mapping[str, object], *, rows_left: int) -> str:
    """What follows a base training.

    Args:
        experiment: that holds the base run.
        model: a name in the registry that has no champion of another table.
        table: the user's own table, empty for the embedded stream.
        rows_left: rows after those of the base model, which are there to be scored.
    """
    if rows_left == 0:
        later = "train on fewer rows (--train_rows), or add later rows at the end of the table and then"
        return f"no row is left to score: {later}: {deploy(experiment, model, table)}"
    if rows_left < DEFAULT_BLOCK_ROWS:
        return deploy(experiment, model, table, block_size=rows_left, test_data_rows=rows_left)
    return deploy(experiment, model, table)


def nothing_is_new(version: int, model: str, rows: int, table: str) -> str:
    """Why nothing can be scored where a champion has seen all rows of its table, and what to do first."""
    return (
        f"version {version}, the champion of {model}, has seen all {rows} rows of {table}: add later rows at the end of"
        " the table before anything can be scored or a new base model can be compared with it"
    )


def model_names(path: str | None) -> Iterator[str]:
    """Names in the registry for models of a table, without end: of the file's name, then numbered from 2.

    >>> names = model_names("/data/sales 2026.csv")
    >>> [next(names) for _ in range(3)]
    ['sales_2026_model', 'sales_2026_model_2', 'sales_2026_model_3']
    """
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", Path(path).stem if path else "elec").lstrip("._-")[:80] or "other"
    yield f"{stem}_model"
    for number in count(2):
        yield f"{stem}_model_{number}"
