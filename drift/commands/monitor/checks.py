"""`drift monitor reference`, `check` and `alerts`: what batches are judged against, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.monitor import options as m
from drift.errors import ExitCode, UsageError
from drift.monitor.alerts.channels import AllChannels, channels_of, shown_options
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


@command
def check(
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    expect_every: Annotated[
        str, Option("Alert if no newer rows have come for so long: 30min, 6h, 1d, 1w.", m.ALERTS)
    ] = "",
    cooldown: Annotated[
        int, Option("Batches after an alert's end in which the same signal opens none.", m.ALERTS, min=0)
    ] = 4,
    channels: AllChannels = AllChannels(),  # noqa: B008 - a frozen record
    quiet_hours: Annotated[str, Option("Hold messages back in these hours: 22:00-07:00.", m.ALERTS)] = "",
    link: Annotated[str, Option("Address of the monitor's page, for messages.", m.ALERTS)] = "",
    json: o.Json = None,
) -> ExitCode:
    """Judge new batches, open and close alerts, deliver messages. Exit code 3: an alert is open; 0: none is.

    For schedulers: run it after each ingest. One bad batch alarms nobody: when batches are bad was agreed with the
    reference. Messages that could not be delivered are tried again by the next check.

    Example: drift monitor check --file alerts.jsonl
    """
    from drift.monitor.alerts.messages import QuietHours, Watch
    from drift.monitor.drift.signals import display_name
    from drift.monitor.sources.batches import period_of
    from drift.terminal import counting, fold

    named = channels_of(channels)
    watch = Watch(
        expect_every=float(period_of(expect_every).astype("int64")) / 1000 if expect_every else 0.0,
        cooldown=cooldown,
        channels=named,
        quiet_hours=QuietHours.parse(quiet_hours) if quiet_hours else None,
        link=link,
    )
    opened = m.open_monitor(store, monitor)
    with counting() as progress:
        checked = opened.check(watch, progress=progress)
    closed = {alert.id for alert in checked.closed}
    for alert in checked.opened:
        words = "opened, and closed again" if alert.id in closed else "opened"
        line = f"{words}: alert {alert.id}, {display_name(alert.signal)}, batch {alert.batch}: {alert.reason}"
        print(fold(line, indent=2))
    for alert in checked.closed:
        if alert.id not in {new.id for new in checked.opened}:
            line = f"closed: alert {alert.id}, {display_name(alert.signal)}, batch {alert.batch}: {alert.closed_why}"
            print(fold(line, indent=2))
    delivered = opened.deliver(watch)
    for error in delivered.errors:
        print(f"not delivered yet: {error}")
    if checked.reference is None:
        example = opened.next_command("monitor reference", first_batches=20, why=m.REASON)
        print(f"no reference yet, so nothing is judged: {example}")
    elif checked.blind:
        print(
            "errors are not followed: no truth of the reference was known when it was agreed. Agree on it again:"
            f" {opened.next_command('monitor reference')}"
        )
    elif checked.unjudged:
        share = checked.reference.promise.truth_share
        print(f"errors of {checked.unjudged:,} batches do not count yet: less than {share:.0%} of their truth is known")
    many = "1 message waits" if delivered.waiting == 1 else f"{delivered.waiting:,} messages wait"
    waiting = f", {many} to be delivered" if delivered.waiting else ""
    print(f"{monitor}: alerts that are open: {len(checked.open)}, acknowledged: {len(checked.acknowledged)}{waiting}")
    if checked.open:
        print(f"next: {opened.next_command('monitor alerts')}")
    records = [vars(alert) for alert in (*checked.open, *checked.acknowledged)]
    called = {
        "monitor": monitor, "store": opened.store.name, "expect_every": expect_every, "cooldown": cooldown,
        "quiet_hours": quiet_hours, "link": link,
    } | shown_options(channels)  # fmt: skip
    o.write_json(json, called, records, delivered=delivered.done, waiting=delivered.waiting)
    return ExitCode.DRIFT if checked.open else ExitCode.DONE


@command
def alerts(
    acknowledge: Annotated[int, m.number("acknowledge", "You look after this alert.")] = 0,
    close: Annotated[int, m.number("close", "You are done with this alert.")] = 0,
    why: Annotated[str, Option("Why: kept, and shown.")] = "",
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    json: o.Json = None,
) -> None:
    """List a monitor's alerts, acknowledge one, or close one.

    Example: drift monitor alerts
    """
    from drift.monitor.drift.signals import display_name
    from drift.terminal import fold

    opened = m.open_monitor(store, monitor)
    if acknowledge or close:
        expected = "expected --acknowledge NUMBER or --close NUMBER, with --why TEXT"
        if bool(acknowledge) == bool(close):
            raise UsageError(expected)
        why = m.require_reason(why, expected)
        if acknowledge:
            opened.acknowledge(acknowledge, why=why)
        else:
            _, still_bad = opened.close_alert(close, why=why)
            if still_bad:
                print(
                    f"note: alert {close} may open again, for the newest batch is still beyond the limit: {still_bad}"
                )
    rows = opened.alerts
    for alert in rows:
        line = f"{alert.id:>4}  {alert.state:<12}  {display_name(alert.signal)}, batch {alert.batch}: {alert.reason}"
        print(fold(line, indent=20))
    if not rows:
        print("no alerts")
    left = min(
        (alert for alert in rows if alert.state != "closed"), key=lambda alert: alert.state != "open", default=None
    )
    if left is not None:
        closing = opened.next_command("monitor alerts", close=left.id, why="looked into")
        seen = opened.next_command("monitor alerts", acknowledge=left.id, why="on it")
        print(
            f"next: {seen}; when it is done: {closing}" if left.state == "open" else f"next, when it is done: {closing}"
        )
    o.write_json(
        json, o.options_as_called(alerts, locals()) | {"store": opened.store.name}, [vars(alert) for alert in rows]
    )
