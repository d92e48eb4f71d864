"""`drift monitor reference`: which rows later batches are judged against, and who agreed to that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.monitor import options as m
from drift.errors import ExitCode, UsageError
from drift.system.secrets import read_option

if TYPE_CHECKING:
    import numpy as np

    from drift.monitor.reference.limits import RunRule
    from drift.monitor.sources.rows import PredictionRows
    from drift.monitor.store import MonitorStore
    from drift.monitor.store.records import MonitorRecord, MonitorReference

DEPLOYED = "deployed"
ENOUGH_BATCHES = 10  # of a reference


@command
def reference(
    first_batches: Annotated[
        int,
        typer.Option(
            "--first_batches",
            min=0,
            help="The monitor's first so many batches.",
            rich_help_panel=o.MAIN,
            show_default=False,
        ),
    ] = 0,
    since: Annotated[str, m.text("Rows of a period, from this time (ISO 8601) on.", "from")] = "",
    until: Annotated[str, m.text("Rows of a period, up to before this time.", "to")] = "",
    data: Annotated[
        str, m.text("Rows of a file, folder or database (with --query), with the same columns.", "data")
    ] = "",
    query: m.Query = "",
    training_run: Annotated[
        str,
        m.text(
            "The rows that a model of the loop was accepted on, by its run's MLflow id; deployed: of the"
            " deployment that is followed.",
            "training_run",
        ),
    ] = "",
    why: Annotated[str, m.text("Why these rows are good: kept, and shown.", "why")] = "",
    by: Annotated[str, m.text("Who agrees. Default: you.", "by")] = "",
    name: Annotated[str, m.text("Of the reference.", "name")] = "",
    expected_run_length: Annotated[
        float,
        typer.Option(
            "--expected_run_length",
            min=10,
            help="Batches between false alarms, in the mean and at least.",
            rich_help_panel=m.ALERTS,
        ),
    ] = 1000.0,
    bad_batches: Annotated[
        str,
        typer.Option(
            "--bad_batches", help="Bad batches that alarm: 3/4 is three of the last four.", rich_help_panel=m.ALERTS
        ),
    ] = "3/4",
    tolerated_loss: Annotated[
        float,
        typer.Option(
            "--tolerated_loss",
            min=0,
            max=0.9,
            help="Accuracy that may be lost without an alert.",
            rich_help_panel=m.ALERTS,
        ),
    ] = 0.02,
    truth_share: Annotated[
        float,
        typer.Option(
            "--truth_share",
            min=0.001,
            max=1,
            help="Share of a batch's truth that must be known before its errors count; a small one only if rows are"
            " labelled at random.",
            rich_help_panel=m.ALERTS,
        ),
    ] = 0.9,
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    verbose: o.Verbose = False,
) -> ExitCode:
    """Agree on the rows that batches are judged against; a new version takes the place of the last.

    What counts as bad is agreed with them. All stored batches are measured against it. Ten batches of rows or more
    are best. Without a choice, it tells the references so far.

    Example: drift monitor reference --first_batches 10 --why "all was well"
    """
    from drift.loop.releases.promote import person
    from drift.monitor.pipeline.labels import in_force, measure_all
    from drift.monitor.pipeline.reference import make_reference
    from drift.monitor.reference.limits import AlarmSpec
    from drift.monitor.sources.rows import joined
    from drift.monitor.sources.slices import parse_slice
    from drift.monitor.sources.values import cut_short
    from drift.monitor.store import references
    from drift.terminal import counting

    rule = _rule(bad_batches)
    opened = m.open_store(store, monitor=monitor)
    found = m.find_monitor(opened, monitor)
    if not any((first_batches, since, until, data, training_run)):
        return _tell_all(opened, found, store)
    why = m.require_reason(why, "expected --why TEXT: on what grounds are these rows good?")
    parts, chosen = _chosen(opened, found, first_batches, since, until, data, query, training_run)
    rows = joined(parts)
    made = make_reference(
        rows, sizes=[len(part) for part in parts], chosen=chosen, by=cut_short(by or person()), why=why.strip()[:1000],
        name=cut_short(name.strip()), slices=[parse_slice(text) for text in found.slices],
        promise=AlarmSpec(expected_run_length, rule, tolerated_loss, truth_share),
    )  # fmt: skip
    with opened.write() as connection:
        references.add_reference(connection, found, made)
    calibration = in_force(opened, found)
    assert calibration is not None  # noqa: S101 - added above
    with counting() as tell:
        measured = measure_all(opened, found, calibration, tell=tell)
    title = calibration.reference.title
    print(f"reference {title} of {monitor}: {chosen}, {len(rows):,} rows, agreed by {made.agreed_by}: {made.why}")
    print(made.promise.words)
    for note in _notes(opened, found, made):
        print(f"note: {note}")
    if calibration.reference.version > 1:
        print("the next check closes alerts about the last reference; only batches that come from now on alarm")
    print(f"{measured:,} batches measured against it; next: {m.following('monitor check', monitor, store)}")
    return ExitCode.DONE


def _notes(store: MonitorStore, monitor: MonitorRecord, made: MonitorReference) -> list[str]:
    """Where a reference is too small for what it is to promise."""
    import numpy as np

    from drift.monitor.store import batches

    found = []
    error = float(made.losses.std() / np.sqrt(len(made.losses))) if len(made.losses) else 0.0
    if made.promise.tolerated_loss < 2 * error:
        found.append(
            f"the reference tells its own loss no better than to {error:.2g}; with --tolerated_loss"
            f" {2 * error:.2g} or more, false alarms are as rare as that says"
        )
    if not len(made.losses) and (monitor.columns.truth or monitor.columns.key):
        found.append(
            "no truth of the reference is known yet, so that errors are not followed: agree again when it has come"
        )
    with store.read() as connection:
        sizes = [batch.rows for batch in batches.all_batches(connection, monitor)]
    long = made.rows / float(np.median(sizes)) if sizes else np.inf
    if long < ENOUGH_BATCHES:
        found.append(
            f"the reference has the rows of {long:.1f} batches; how much batches differ by themselves it can say from"
            f" {ENOUGH_BATCHES} on"
        )
    return found


def _rule(text: str) -> RunRule:
    import re

    from drift.monitor.reference.limits import RunRule

    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if found is None or not 2 <= int(found[1]) <= int(found[2]) <= 100:
        raise UsageError(f"expected bad batches such as 3/4, two or more of at most 100, got {text!r}")
    return RunRule(int(found[1]), int(found[2]))


def _tell_all(opened: MonitorStore, monitor: MonitorRecord, store: str) -> ExitCode:
    from drift.monitor.store import references

    with opened.read() as connection:
        found = references.all_references(connection, monitor)
    for one in found:
        agreed = f"{one.agreed_at[:16].replace('T', ' ')} by {one.agreed_by}"
        print(f"{one.title}:  {one.chosen}, {one.rows:,} rows; agreed {agreed}: {one.why}")
    if not found:
        example = m.following("monitor reference", monitor.name, store, first_batches=20, why=m.REASON)
        print(f"no reference yet; for example: {example}")
    return ExitCode.DONE


def _chosen(
    store: MonitorStore,
    monitor: MonitorRecord,
    first: int,
    since: str,
    until: str,
    data: str,
    query: str,
    training_run: str,
) -> tuple[list[PredictionRows], str]:
    """Rows by batch, or all together if they are of none, and how they were chosen."""
    from drift.monitor.sources.rows import joined

    if sum(map(bool, (first, since or until, data, training_run))) > 1:
        raise UsageError("expected one of --first_batches, --from and --to, --data, and --training_run; got several")
    if training_run:
        run = _deployed(store, monitor) if training_run == DEPLOYED else training_run
        return [_of_run(monitor, run)], f"accepted in training run {run}"
    if data:
        from drift.data.readers import open_source

        columns = monitor.columns
        order = (columns.time,) if columns.time else ()
        data = read_option(data, option="--data")
        chunks = open_source(
            data, query=query, columns=columns.needed, texts=columns.texts, order=order, ignore=columns.ignore
        )
        parts = [columns.read(frame) for frame in chunks if len(frame)]
        if not parts:
            raise UsageError(f"expected rows in {chunks.name}, got none")
        return [joined(parts)], f"rows of {chunks.name}"
    parts = _stored(store, monitor, first, since, until)
    if first:
        return parts, f"the first {first} batches"
    return parts, " ".join(part for part in (f"from {since}" if since else "", f"to {until}" if until else "") if part)


def _deployed(store: MonitorStore, monitor: MonitorRecord) -> str:
    """The training run of the first model of the deployment whose rows the monitor follows; else of the newest one."""
    from drift.loop.project_dir import ProjectDir
    from drift.monitor.collection.scoring_log import LogRows

    log = ProjectDir(create=False).log
    return (LogRows.followed(log, store, monitor.name) or LogRows.newest(log)).training_run


def _stored(store: MonitorStore, monitor: MonitorRecord, first: int, since: str, until: str) -> list[PredictionRows]:
    """Rows of each stored batch, oldest first."""
    import numpy as np

    from drift.monitor.sources.rows import joined
    from drift.monitor.store import batches

    start, stop = (_moment(text) for text in (since, until))
    if (since or until) and not monitor.columns.time:
        raise UsageError("expected a monitor whose rows have times (--time at its first ingest) with --from and --to")
    with store.read() as connection:
        there = batches.all_batches(connection, monitor)
        if first > len(there):
            raise UsageError(f"expected at most {len(there)} batches, as there are; got --first_batches {first}")
        found = []
        for batch in there[:first] if first else there:
            parts = []
            for _, rows in batches.rows_of(connection, batch.id):
                if rows.times is not None and (since or until):
                    after = rows.times >= start if start is not None else np.ones(len(rows), bool)
                    before = rows.times < stop if stop is not None else np.ones(len(rows), bool)
                    rows = rows.take(after & before)  # noqa: PLW2901
                if len(rows):
                    parts.append(rows)
            if parts:
                found.append(joined(parts))
    if not found:
        raise UsageError("expected some rows, got none from that period")
    return found


def _moment(text: str) -> np.datetime64 | None:
    import numpy as np

    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "ms")
    except ValueError as error:
        raise UsageError(f"expected a time in UTC such as 1997-08-24T00:00, got {text!r}") from error


def _of_run(monitor: MonitorRecord, run: str) -> PredictionRows:
    """The rows that a model of the loop was accepted on, as rows of a monitor."""
    import tempfile
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from drift.data.losses import predicted_classes
    from drift.data.values import widened
    from drift.monitor.sources.rows import PredictionRows
    from drift.tracking.connection.store import connect
    from drift.tracking.runs.lookup import load_reference

    with tempfile.TemporaryDirectory() as folder:
        found = load_reference(connect(), run, Path(folder))
    wanted = [name for name, _ in monitor.columns.features]
    absent = [name for name in wanted if name not in found.names]
    if absent:
        raise UsageError(
            f"expected a run whose reference has features {', '.join(wanted)}; it lacks {', '.join(absent)}"
        )
    names = np.asarray(found.class_names, object)
    features = widened(found.features) if monitor.columns.rules else found.features.astype(np.float64)
    frame = pd.DataFrame(features, columns=list(found.names))
    return PredictionRows(
        np.asarray([str(at) for at in range(len(found))], object),
        names[predicted_classes(found.probabilities, " of the reference")],
        names[found.labels],
        frame[wanted],
        confidence=found.probabilities.max(axis=1).astype(np.float64),
    )
