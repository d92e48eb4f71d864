"""`drift monitor ingest` and `drift monitor truth`: rows and truths into the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.monitor import options as m
from drift.commands.parts import options_as_called, write_json
from drift.errors import ExitCode, UsageError
from drift.system.secrets import read_option

FEW_ROWS = 20  # of a batch, in the mean

if TYPE_CHECKING:
    from drift.data.readers import Chunks
    from drift.monitor.pipeline.ingest import Ingested
    from drift.monitor.sources.batches import Batching
    from drift.monitor.sources.column_roles import Columns
    from drift.monitor.sources.rows import Task
    from drift.monitor.store import MonitorStore


@command
def ingest(
    source: m.Source,
    query: m.Query = "",
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    batch: Annotated[str, m.text("Column that says which batch a row is of.", "batch")] = "",
    every: Annotated[str, m.text("A batch for every period of --time: 30min, 6h, 1d, 1w from Monday.", "every")] = "",
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch_size",
            min=0,
            help="A batch for every so many rows, of a source that grows at its end.",
            rich_help_panel=o.MAIN,
            show_default=False,
        ),
    ] = 0,
    prediction: m.Prediction = "",
    truth: m.Truth = "",
    key: m.Key = "",
    time: Annotated[
        str,
        m.text(
            "Column with each row's time; UTC, unless it tells its zone. NAME:day_first or NAME:month_first says how"
            " 01/02/2026 is meant.",
            "time",
            m.COLUMNS,
        ),
    ] = "",
    probability: Annotated[
        str,
        m.text(
            "Column with the probability of the predicted class (of --positive, if given).", "probability", m.COLUMNS
        ),
    ] = "",
    positive: Annotated[str, m.text("The class that --probability is of.", "positive", m.COLUMNS)] = "",
    probabilities: Annotated[
        str,
        m.text(
            "What the columns of all classes' probabilities begin with: p_ for p_UP, p_DOWN.",
            "probabilities",
            m.COLUMNS,
        ),
    ] = "",
    version: Annotated[str, m.text("Column with the model's version.", "version", m.COLUMNS)] = "",
    ignore: Annotated[str, m.text("Columns that are no features: a,b,c.", "ignore", m.COLUMNS)] = "",
    categories: Annotated[
        str, m.text("Features that are categories though they are numbers: a,b,c.", "categories", m.COLUMNS)
    ] = "",
    task: Annotated[
        str, m.text("classification or regression. Default: as the predictions look.", "task", m.COLUMNS)
    ] = "",
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            help="Rows to follow apart: 'night: period < 0.25 and day == 6'. May be given several times.",
            rich_help_panel=m.COLUMNS,
            show_default=False,
        ),
    ] = None,
    deployment: Annotated[
        str,
        m.text("Of the scoring log: which. Default: the one that is followed, or the newest.", "deployment", o.MORE),
    ] = "",
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace batches that are stored with other rows.", rich_help_panel=o.MORE),
    ] = False,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="Also store the last, unfinished batch of --every or --batch_size.",
            rich_help_panel=o.MORE,
        ),
    ] = False,
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Read batches of predictions into the monitor's store; what is stored already stays as it is.

    The first ingest says which column is what, and all other columns are features; later ones need not repeat it.

    Example: drift monitor ingest log
    """
    from dataclasses import replace as with_

    from drift.data.schema import time_option
    from drift.monitor.collection.scoring_log import LogRows, without_calendar
    from drift.monitor.pipeline import ingest as library
    from drift.monitor.sources.batches import Batching, period_of
    from drift.monitor.sources.column_roles import Columns
    from drift.terminal import counting

    source = read_option(source, option="SOURCE")
    of_task: Task | None = "regression" if task == "regression" else "classification" if task else None
    if task not in ("", "classification", "regression"):
        raise UsageError(f"expected --task classification or regression, got {task!r}")
    if every:
        period_of(every)
    time_name, time_format = time_option(time)
    asked = Columns(
        prediction, truth, key, time_name, batch, every, batch_size, version, probability, positive, probabilities,
        m.names_in(ignore), m.names_in(categories), of_task, time_format=time_format,
    )  # fmt: skip
    opened = m.open_store(store, create=True)
    known = _known_columns(opened, monitor, anew=bool(prediction) or source == "log")
    if source == "log":
        chunks, asked = _log(deployment, opened, monitor)
        batching = Batching(column=asked.batch)
        deployed = without_calendar(asked, slices or ()) if known is None else asked
    else:
        if sum(map(bool, (batch, every, batch_size))) > 1:
            raise UsageError("expected one of --batch COLUMN, --every PERIOD and --batch_size ROWS, got several")
        deployed = m.columns_asked(asked, known)
        batching = Batching(deployed.batch, deployed.every, deployed.batch_size)
        chunks = _chunks(source, query, deployed, batching)
    ordered = source == "log" or not chunks.files or bool(batching.size) or not (batching.column or batching.every)
    with counting() as tell:
        done = library.ingest(
            opened,
            monitor,
            chunks,
            source=chunks.name,
            columns=with_(deployed, features=()) if known is None else asked,
            batching=batching,
            ordered=ordered,
            slices=tuple(slices or ()),
            replace=replace,
            partial=partial,
            of_one_class=source != "log",
            tell=tell,
        )
    if known is None:
        _say_what_is_followed(_known_columns(opened, monitor))
        if source == "log" and deployed.ignore:
            print(f"no features, since they are computed from the time: {', '.join(deployed.ignore)}")
    if isinstance(chunks, LogRows):
        print(f"rows of deployment {chunks.name} of model {chunks.deployment.model}; another one: --deployment NAME")
        for line in _small_or_mixed(opened, monitor, chunks.name):
            print(line)
    settled = _known_columns(opened, monitor)
    why = dict(settled.left_out) if settled is not None else {}
    _say(done, opened.name, _next(opened, monitor, store, log=source == "log"), why)
    write_json(json, options_as_called(ingest, locals()) | {"store": opened.name, "source": chunks.name}, [vars(done)])
    return ExitCode.ERROR if done.refused else ExitCode.DONE


@command
def truth(
    source: m.TruthSource,
    query: m.Query = "",
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    key: Annotated[str, m.text("Column with the key. Default: as in the monitor's rows.", "key")] = "",
    truth: Annotated[str, m.text("Column with the truth. Default: as in the monitor's rows.", "truth")] = "",
    verbose: o.Verbose = False,
) -> ExitCode:
    """Join truth that came later to the rows of a monitor, by key.

    Truth of rows that have not come yet is kept, and joined when they come. The batches are measured anew.

    Example: drift monitor truth returns.csv --monitor shop
    """
    from dataclasses import replace as with_

    import numpy as np

    from drift.data.readers import open_source
    from drift.monitor.pipeline.labels import in_force, join_truths
    from drift.terminal import counting

    opened = m.open_store(store, monitor=monitor)
    found = m.find_monitor(opened, monitor)
    columns = with_(found.columns, key=key or found.columns.key, truth=truth or found.columns.truth)
    if not columns.key or not columns.truth or not found.columns.key:
        raise UsageError(
            "expected a monitor whose rows have keys (--key at its first ingest), and --key and --truth columns here"
        )
    source = read_option(source, option="SOURCE")
    chunks = open_source(source, query=query, columns=(columns.key, columns.truth), texts=(columns.key,))
    read = [columns.truths(frame) for frame in chunks]
    if not read:
        raise UsageError(f"expected truths in {chunks.name}, got no rows")
    with counting() as tell:
        done = join_truths(
            opened,
            found,
            np.concatenate([keys for keys, _ in read]),
            np.concatenate([truths for _, truths in read]),
            calibration=in_force(opened, found),
            tell=tell,
        )
    print(
        f"truth of {done.joined:,} rows joined, {done.changed:,} changed, {done.same:,} known already;"
        f" {done.waiting:,} wait for their rows ({done.batches:,} batches measured anew)"
    )
    print(f"next: {m.following('monitor check', monitor, store)}")
    return ExitCode.DONE


def _known_columns(store: object, monitor: str, *, anew: bool = False) -> Columns | None:
    """Of a monitor; with `anew`, None also if it is still empty."""
    from drift.monitor.store import MonitorStore, batches

    assert isinstance(store, MonitorStore)  # noqa: S101 - for the type alone
    with store.read() as connection:
        found = batches.find_monitor(connection, monitor)
        if found is None or (anew and batches.is_empty(connection, found)):
            return None
    return found.columns


def _log(deployment: str, opened: MonitorStore, monitor: str) -> tuple[Chunks, Columns]:
    """The rows of the deployment that is named, else of the one that the monitor follows, else of the newest one."""
    from drift.loop.project_dir import ProjectDir
    from drift.monitor.collection.scoring_log import LogRows

    rows = LogRows.followed(ProjectDir(create=False).log, opened, monitor) if not deployment else None
    rows = rows or LogRows.newest(ProjectDir(create=False).log, deployment)
    return rows, rows.columns


def _chunks(source: str, query: str, columns: Columns, batching: Batching) -> Chunks:
    from drift.data.readers import open_source

    chunks = open_source(
        source, query=query, columns=columns.needed, texts=columns.texts, order=batching.order(columns),
        ignore=[name for name in columns.ignore if name not in columns.named],
    )  # fmt: skip
    ordered = chunks.files or batching.order(columns) or "order by" in query.lower()
    if batching.size and not ordered and not source.startswith("sqlite"):  # which gives rows as they were put in
        raise UsageError(
            "expected --time, --key or a query with ORDER BY beside --batch_size: rows of a database have no order of"
            " their own, and every so many of them would be others each time"
        )
    return chunks


def _next(opened: MonitorStore, monitor: str, store: str, *, log: bool) -> str:
    """The command to go on with."""
    from drift.monitor.store import batches, references

    with opened.read() as connection:
        found = batches.find_monitor(connection, monitor)
        agreed = found is not None and references.current_version(connection, found) is not None
    if agreed:
        return m.following("monitor check", monitor, store)
    if log:
        why = "the rows on which the model was accepted"
        return m.following("monitor reference", monitor, store, training_run="deployed", why=why)
    return m.following("monitor reference", monitor, store, first_batches=10, why=m.REASON)


def _small_or_mixed(opened: MonitorStore, monitor: str, source: str) -> list[str]:
    """What to know of a deployment's batches: that they are very small, and that several versions answered."""
    from collections import Counter

    from drift.monitor.store import batches

    with opened.read() as connection:
        found = batches.find_monitor(connection, monitor)
        stored = [] if found is None else batches.all_batches(connection, found)
    mine = [batch for batch in stored if batch.source == source]
    rows, lines = sum(batch.rows for batch in mine), []
    if mine and rows < FEW_ROWS * len(mine):
        lines.append(
            f"note: a batch has {rows / len(mine):.1f} rows in the mean, fewer than {FEW_ROWS}, which say little of"
            " accuracy and distances: a larger --block_size of drift deploy makes larger batches"
        )
    answered: Counter[str] = Counter()
    for batch in mine:
        answered.update(batch.versions)
    if len(answered) > 1:
        told = ", ".join(f"{version} ({count:,} rows)" for version, count in answered.items())
        lines.append(f"note: {len(answered)} versions of the model answered: {told}")
    return lines


def _say_what_is_followed(columns: Columns | None) -> None:
    if columns is None:
        print("no rows came, so that no monitor was begun")
        return
    features = ", ".join(f"{name} ({kind})" for name, kind in columns.features) or "none"
    truth = f"truth in column {columns.truth}" if columns.truth else "no truth yet"
    print(f"features: {features}; {columns.task}, answers in column {columns.prediction}, {truth}")


def _say(done: Ingested, store: str, following: str, why: Mapping[str, str] | None = None) -> None:
    if done.left_out:
        reasons = (f"{name} ({(why or {}).get(name, 'not a feature of this monitor')})" for name in done.left_out)
        print(f"left out: {', '.join(reasons)}")
    parts = [f"{done.stored:,} batches stored ({done.rows:,} rows)"]
    for count, words in (
        (done.unchanged, "there already"),
        (done.replaced, "replaced"),
        (done.truths, "truths joined"),
        (done.duplicates, "duplicate rows left out"),
    ):
        parts += [f"{count:,} {words}"] if count else []
    print(", ".join(parts))
    if done.unlikely:
        way = "begin another monitor with --positive CLASS"
        print(f"warning: expected the {done.unlikely}: if they are of one class, {way}")
    if done.unfinished:
        print(f"batch {done.unfinished!r} may get more rows and waits for them; --partial stores it now")
    for line in done.refused[:5]:
        print(f"refused: {line}; --replace puts these in its place")
    if len(done.refused) > 5:
        print(f"refused: {len(done.refused) - 5} more")
    print(f"store: {store}; next: {following}")
