"""`drift monitor serve`, `report` and `findings`: what people look at, and take away."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.monitor import options as m
from drift.system.options import MORE, Option


@command
def serve(
    store: m.StoreOption = "",
    host: Annotated[str, Option("Address to listen on; others than loopback are seen by others.")] = "127.0.0.1",
    port: Annotated[int, Option("0 takes a free one.", min=0, max=65535)] = 8080,
    write: Annotated[
        bool, Option("Let those write who know the token: DRIFT_MONITOR_TOKEN, or one made up and printed here.")
    ] = False,
    read_token: Annotated[
        bool,
        Option(
            "Let only those read who know a token: DRIFT_MONITOR_READ_TOKEN, or one made up and printed here."
            " Always so where --host is not loopback."
        ),
    ] = False,
    name: Annotated[
        list[str] | None, Option("Another name that browsers may ask for, such as that of a proxy.", MORE)
    ] = None,
    https: Annotated[bool, Option("Browsers come by https, through a proxy.", MORE)] = False,
) -> None:
    """The monitor's page, until Ctrl-C: overview, batches, features, worst rows, alerts, findings.

    /metrics is for Prometheus, with the token for reading as bearer token. Read only, and on loopback, unless you say
    otherwise.

    Example: drift monitor serve
    """
    from drift.monitor.web.security import Gate, token_of
    from drift.monitor.web.serving import LOOPBACK
    from drift.monitor.web.serving import serve as run
    from drift.terminal import current

    needs_token = bool(read_token or os.environ.get("DRIFT_MONITOR_READ_TOKEN") or host not in LOOPBACK)
    token, made_up = token_of("DRIFT_MONITOR_TOKEN") if write else ("", False)
    reading, reading_made_up = token_of("DRIFT_MONITOR_READ_TOKEN") if needs_token else ("", False)
    opened = m.open_monitor(store).store

    def ready(address: str) -> None:
        if host not in LOOPBACK and not https:
            print(
                f"warning: tokens and rows go to {address} unencrypted; a proxy with https keeps them", file=sys.stderr
            )
        if made_up:
            print(f"token, for writing: {token}")
        if reading_made_up:
            print(f"token, for reading: {reading}")
        needs = [f"{what} needs the token" for what, needed in (("reading", needs_token), ("writing", write)) if needed]
        how = ", ".join(needs if write else ["read only", *needs])
        print(f"{opened.name} at {address} ({how}); Ctrl-C ends it", flush=True)

    with current().muted():
        run(opened, Gate(token, reading), host=host, port=port, names=tuple(name or ()), secure=https, ready=ready)


@command
def report(
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    html: Annotated[Path | None, Option("Where to. Default: reports/monitor-NAME.html.")] = None,
    json: o.Json = None,
) -> None:
    """One HTML file with the monitor's history: aggregates only, no rows, and nothing asked of the network.

    Example: drift monitor report
    """
    from drift.monitor.report import batch_records

    opened = m.open_monitor(store, monitor)
    path = opened.report(html)
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    options = o.options_as_called(report, locals()) | {"store": opened.store.name}
    o.write_json(json, options, batch_records(opened.store, opened.record), page=str(path))


@command
def findings(
    monitor: m.Name = "default",
    store: m.StoreOption = "",
    out: Annotated[Path | None, Option("Write to this file. Default: print.")] = None,
) -> None:
    """What people found out about rows, as Markdown.

    Example: drift monitor findings --out findings.md
    """
    from drift.monitor.analysis.annotations import as_markdown

    opened = m.open_monitor(store, monitor)
    written = opened.findings
    text = as_markdown(opened.record, written)
    if out is None:
        print(text, end="")
    else:
        o.write_file(out, text.encode())
        print(f"{len(written)} findings: {out}")
