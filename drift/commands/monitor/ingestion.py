"""`drift monitor ingest` and `drift monitor truth`: rows and truths into the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.monitor import options as m
from drift.errors import ExitCode, UsageError
from drift.system.options import MORE, Option, split_names
from drift.system.secrets import read_option

if TYPE_CHECKING:
    from drift.monitor.library import Monitor
    from drift.monitor.pipeline.batch_writer import Ingested
    from drift.monitor.sources.column_roles import Columns
    from drift.monitor.sources.rows import Task


@command
def ingest(
    source: m.Source,
    query: m.Query = "",
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    batch: Annotated[str, Option("Column that says which batch a row is of.")] = "",
    every: Annotated[str, Option("A batch for every period of --time: 30min, 6h, 1d, 1w from Monday.")] = "",
    batch_size: Annotated[
        int, m.number("batch_size", "A batch for every so many rows, of a source that grows at its end.")
    ] = 0,
    prediction: m.Prediction = "",
    truth: m.Truth = "",
    key: m.Key = "",
    time: Annotated[
        str,
        Option(
            "Column with each row's time; UTC, unless it tells its zone. NAME:day_first or NAME:month_first says how"
            " 01/02/2026 is meant.",
            m.COLUMNS,
        ),
    ] = "",
    probability: Annotated[
        str, Option("Column with the probability of the predicted class (of --positive, if given).", m.COLUMNS)
    ] = "",
    positive: Annotated[str, Option("The class that --probability is of.", m.COLUMNS)] = "",
    probabilities: Annotated[
        str, Option("What the columns of all classes' probabilities begin with: p_ for p_UP, p_DOWN.", m.COLUMNS)
    ] = "",
    version: Annotated[str, Option("Column with the model's version.", m.COLUMNS)] = "",
    ignore: Annotated[str, Option("Columns that are no features: a,b,c.", m.COLUMNS)] = "",
    categories: Annotated[str, Option("Features that are categories though they are numbers: a,b,c.", m.COLUMNS)] = "",
    task: Annotated[str, Option("classification or regression. Default: as the predictions look.", m.COLUMNS)] = "",
    slices: Annotated[
        list[str] | None,
        Option(
            "Rows to follow apart: 'night: period < 0.25 and day == 6'. May be given several times.",
            m.COLUMNS,
            flags="--slice",
        ),
    ] = None,
    deployment: Annotated[
        str, Option("Of the scoring log: which. Default: the one that is followed, or the newest.", MORE)
    ] = "",
    replace: Annotated[bool, Option("Replace batches that are stored with other rows.", MORE)] = False,
    partial: Annotated[bool, Option("Also store the last, unfinished batch of --every or --batch_size.", MORE)] = False,
    json: o.Json = None,
) -> ExitCode:
    """Read batches of predictions into the monitor's store; what is stored already stays as it is.

    The first ingest says which column is what, and all other columns are features; later ones need not repeat it.

    Example: drift monitor ingest log
    """
    from drift.monitor.sources.batches import period_of
    from drift.terminal import counting

    source = read_option(source, option="SOURCE")
    of_task: Task | None = "regression" if task == "regression" else "classification" if task else None
    if task not in ("", "classification", "regression"):
        raise UsageError(f"expected --task classification or regression, got {task!r}")
    if every:
        period_of(every)
    opened = m.open_monitor(store, monitor, create=True)
    with counting() as progress:
        result = opened.ingest(
            source, query=query, prediction=prediction, label=truth, key=key, time=time, batch=batch, every=every,
            batch_size=batch_size, version=version, probability=probability, positive=positive,
            probabilities=probabilities, ignore=split_names(ignore), categories=split_names(categories), task=of_task,
            slices=slices or (), deployment=deployment, replace=replace, partial=partial, progress=progress,
        )  # fmt: skip
    record = opened.find()
    columns = record.columns if record is not None else None
    if result.begun or columns is None:
        print(followed_columns(columns))
    if result.model:
        if result.begun and columns is not None and columns.ignore:
            print(f"no features, since they are computed from the time: {', '.join(columns.ignore)}")
        print(f"rows of deployment {result.source} of model {result.model}; another one: --deployment NAME")
        for note in result.notes:
            print(f"note: {note}")
    print_ingested(result, dict(columns.left_out) if columns is not None else {})
    print(f"store: {opened.store.name}; next: {_next_command(opened, result)}")
    o.write_json(
        json, o.options_as_called(ingest, locals()) | {"store": opened.store.name, "source": result.source},
        [result.record()],
    )  # fmt: skip
    return ExitCode.ERROR if result.refused else ExitCode.DONE


@command
def truth(
    source: m.TruthSource,
    query: m.Query = "",
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    key: Annotated[str, Option("Column with the key. Default: as in the monitor's rows.")] = "",
    truth: Annotated[str, Option("Column with the truth. Default: as in the monitor's rows.")] = "",
) -> None:
    """Join truth that came later to the rows of a monitor, by key.

    Truth of rows that have not come yet is kept, and joined when they come. The batches are measured anew.

    Example: drift monitor truth returns.csv --monitor shop
    """
    from drift.terminal import counting

    opened = m.open_monitor(store, monitor)
    with counting() as progress:
        result = opened.labels(
            read_option(source, option="SOURCE"), query=query, key=key, label=truth, progress=progress
        )
    print(
        f"truth of {result.joined:,} rows joined, {result.changed:,} changed, {result.same:,} known already;"
        f" {result.waiting:,} wait for their rows ({result.measured:,} batches measured anew)"
    )
    print(f"next: {opened.next_command('monitor check')}")


def _next_command(monitor: Monitor, result: Ingested) -> str:
    record = monitor.find()
    if record is not None and monitor.reference is not None:
        return monitor.next_command("monitor check")
    if result.model:
        why = "the rows on which the model was accepted"
        return monitor.next_command("monitor reference", training_run="deployed", why=why)
    return monitor.next_command("monitor reference", first_batches=10, why=m.REASON)


def followed_columns(columns: Columns | None) -> str:
    """What a monitor that has just begun follows, in words; None if no rows came."""
    if columns is None:
        return "no rows came, so that no monitor was begun"
    features = ", ".join(f"{name} ({kind})" for name, kind in columns.features) or "none"
    truth = f"truth in column {columns.truth}" if columns.truth else "no truth yet"
    return f"features: {features}; {columns.task}, answers in column {columns.prediction}, {truth}"


def print_ingested(result: Ingested, reasons: Mapping[str, str]) -> None:
    """Print what came of an ingest.

    Args:
        result: of the ingest.
        reasons: why columns are no features, by name.
    """
    if result.left_out:
        left_out = (f"{name} ({reasons.get(name, 'not a feature of this monitor')})" for name in result.left_out)
        print(f"left out: {', '.join(left_out)}")
    parts = [f"{result.stored:,} batches stored ({result.rows:,} rows)"]
    for count, words in (
        (result.unchanged, "there already"),
        (result.replaced, "replaced"),
        (result.truths, "truths joined"),
        (result.duplicates, "duplicate rows left out"),
    ):
        parts += [f"{count:,} {words}"] if count else []
    print(", ".join(parts))
    if result.unlikely:
        way = "begin another monitor with --positive CLASS"
        print(f"warning: expected the {result.unlikely}: if they are of one class, {way}")
    if result.unfinished:
        print(f"batch {result.unfinished!r} may get more rows and waits for them; --partial stores it now")
    for line in result.refused[:5]:
        print(f"refused: {line}; --replace puts these in its place")
    if len(result.refused) > 5:
        print(f"refused: {len(result.refused) - 5} more")
