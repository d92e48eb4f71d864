"""`drift monitor reference`: which rows later batches are judged against, and who agreed to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from drift.commands.ending import command
from drift.commands.monitor import options as m
from drift.system.options import Option
from drift.system.secrets import read_option

if TYPE_CHECKING:
    from drift.monitor.library import Monitor


@command
def reference(
    first_batches: Annotated[int, m.number("first_batches", "The monitor's first so many batches.")] = 0,
    since: Annotated[str, Option("Rows of a period, from this time (ISO 8601) on.", flags="--from")] = "",
    until: Annotated[str, Option("Rows of a period, up to before this time.", flags="--to")] = "",
    data: Annotated[str, Option("Rows of a file, folder or database (with --query), with the same columns.")] = "",
    query: m.Query = "",
    training_run: Annotated[
        str,
        Option(
            "The rows that a model of the loop was accepted on, by its run's MLflow id; deployed: of the"
            " deployment that is followed."
        ),
    ] = "",
    why: Annotated[str, Option("Why these rows are good: kept, and shown.")] = "",
    by: Annotated[str, Option("Who agrees. Default: you.")] = "",
    name: Annotated[str, Option("Of the reference.")] = "",
    expected_run_length: Annotated[
        float, Option("Batches between false alarms, in the mean and at least.", m.ALERTS, min=10)
    ] = 1000.0,
    bad_batches: Annotated[str, Option("Bad batches that alarm: 3/4 is three of the last four.", m.ALERTS)] = "3/4",
    tolerated_loss: Annotated[
        float, Option("Accuracy that may be lost without an alert.", m.ALERTS, min=0, max=0.9)
    ] = 0.02,
    truth_share: Annotated[
        float,
        Option(
            "Share of a batch's truth that must be known before its errors count; a small one only if rows are"
            " labelled at random.",
            m.ALERTS,
            min=0.001,
            max=1,
        ),
    ] = 0.9,
    monitor: m.Name = "default",
    store: m.StoreOption = "",
) -> None:
    """Agree on the rows that batches are judged against; a new version takes the place of the last.

    What counts as bad is agreed with them. All stored batches are measured against it. Ten batches of rows or more
    are best. Without a choice, it tells the references so far.

    Example: drift monitor reference --first_batches 10 --why "all was well"
    """
    from drift.monitor.reference.limits import AlarmSpec, RunRule
    from drift.terminal import counting

    alarms = AlarmSpec(expected_run_length, RunRule.parse(bad_batches), tolerated_loss, truth_share)
    opened = m.open_monitor(store, monitor)
    if not any((first_batches, since, until, data, training_run)):
        _list_references(opened)
        return
    why = m.require_reason(why, "expected --why TEXT: on what grounds are these rows good?")
    source = read_option(data, option="--data") if data else None
    with counting() as progress:
        result = opened.set_reference(
            first_batches=first_batches, since=since, until=until, data=source,
            query=query, training_run=training_run, why=why, by=by, name=name, alarms=alarms, progress=progress,
        )  # fmt: skip
    stored = result.reference
    print(
        f"reference {stored.title} of {monitor}: {stored.chosen}, {stored.rows:,} rows, agreed by {stored.agreed_by}:"
        f" {stored.why}"
    )
    print(stored.promise.words)
    for note in result.notes:
        print(f"note: {note}")
    if stored.version > 1:
        print("the next check closes alerts about the last reference; only batches that come from now on alarm")
    print(f"{result.measured:,} batches measured against it; next: {opened.next_command('monitor check')}")


def _list_references(monitor: Monitor) -> None:
    stored = monitor.references
    for reference in stored:
        agreed = f"{reference.agreed_at[:16].replace('T', ' ')} by {reference.agreed_by}"
        print(f"{reference.title}:  {reference.chosen}, {reference.rows:,} rows; agreed {agreed}: {reference.why}")
    if not stored:
        example = monitor.next_command("monitor reference", first_batches=20, why=m.REASON)
        print(f"no reference yet; for example: {example}")
