"""`drift replay`: which policy would have retrained at the right moments?"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from drift import next_steps
from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import options_as_called, source_of, write_json
from drift.errors import ExitCode
from drift.system.devices import resolve_device
from drift.system.extras import require

POLICIES = "never,every:4,spaced:10,spaced:10+mix,threshold:.7,harm,adwin,oracle:10"


@command
def replay(
    policies: Annotated[
        str,
        typer.Option(
            "--policies",
            help="Which to compare, by commas, of those listed below.",
            rich_help_panel=o.MAIN,
        ),
    ] = POLICIES,
    block_size: Annotated[
        int, typer.Option("--block_size", min=1, help="Rows scored together.", rich_help_panel=o.MAIN)
    ] = 336,
    start_rows: Annotated[
        int, typer.Option("--start_rows", min=1, help="First rows, which train the base model.", rich_help_panel=o.MAIN)
    ] = 1007,
    window_rows: Annotated[
        int,
        typer.Option("--window_rows", min=100, help="Newest rows that a retrain learns from.", rich_help_panel=o.MAIN),
    ] = 4_032,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, help="Repetitions, with other seeds.", rich_help_panel=o.MAIN)
    ] = 1,
    test_data_rows: Annotated[
        int | None,
        typer.Option(
            "--test_data_rows",
            min=1,
            help="Rows to replay, after those of the base model. Default: all.",
            rich_help_panel=o.MAIN,
            show_default=False,
        ),
    ] = None,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Answer through a TorchServe of its own, with a rollover at every retrain; not with +mix.",
            rich_help_panel=o.MAIN,
        ),
    ] = False,
    mlflow_experiment_name: o.Experiment = "drift",
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Where the page goes. Default: reports/.", rich_help_panel=o.MORE, show_default=False
        ),
    ] = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    data: o.Data = None,
    label: o.Label = None,
    time: o.Time = None,
    ignore: o.Ignore = "",
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Replay a whole stream under several policies: when would each have retrained, and what did it gain?

    Labels of a block arrive when it ends; features are those of a row alone. What was trained once is kept, so that an
    interrupted replay goes on where it was, and another policy costs little.

    Example: drift replay --policies never,spaced:10,harm --block_size 1007
    """
    from drift.policies.parser import fit_names, names_in

    require("mlflow", *(("ts", "model_archiver", "yaml") if serve else ()))
    names = names_in(policies)
    device = resolve_device(device)
    table = (source := source_of(data, label, time, ignore)).load()
    from drift.loop.journal.records import now
    from drift.loop.project_dir import ProjectDir
    from drift.replays.ensembles import family_on, fit_member_of_family
    from drift.replays.evaluation.threshold_advice import policy_advice
    from drift.replays.experiment import compare_policies
    from drift.replays.leakage import require_row_wise
    from drift.replays.logged import log_results
    from drift.replays.play import Stream
    from drift.replays.served_replay import ServedReplay, own_server
    from drift.replays.summary import summarise
    from drift.replays.text import table_lines
    from drift.replays.versions import ReplayVersions
    from drift.report.replay import write_replay
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    require_row_wise(table)
    stream = Stream.of_first(table, start_rows, block_size, test_data_rows)
    names = fit_names(names, len(stream.blocks)) if policies == POLICIES else names  # `mlflow run` hands the default on
    home, store = ProjectDir(), connect(create=True)
    fit = partial(fit_member_of_family, device=device)
    versions = ReplayVersions(stream.table, fit, family=family_on(device), cache=home.path / "replay")
    with ExitStack() as stack:
        serving = None
        if serve:
            stack.enter_context(home.lock("replay-server", doing="replaying with --serve"))
            serving = stack.enter_context(ServedReplay(versions, lambda: own_server(home.path / "replay-server")))
        tell = stack.enter_context(counting())
        results = compare_policies(
            stream,
            versions,
            names,
            seeds=range(seed, seed + seeds),
            window_rows=window_rows,
            serving=serving,
            tell=lambda step: tell(step.words, step.done, step.total),
        )
    for line in table_lines(results, width=line_width()):
        print(line)
    if serving is not None:
        print(serving.tally)
    advice = policy_advice(results)
    for warned in advice:
        print(warned.words)
    options = options_as_called(replay, locals())
    page = html or home.reports / f"replay-{now()[:19].replace(':', '').replace('-', '')}.html"
    summary = summarise(results)
    write_replay(results, summary, page)
    run = log_results(results, store, mlflow_experiment_name, options=options, page=page)
    print(f"run {run} in experiment {mlflow_experiment_name} of {store.address}")
    print(
        f"page: {page}\n"
        f"next, to train a model of this table: {next_steps.train_base(mlflow_experiment_name, source.options)}"
    )
    more: dict[str, object] = {"threshold_advice": advice, **summary.record}
    more |= {} if serving is None else {"served": vars(serving.tally)}
    write_json(json, options, [outcome.record for outcome in results.outcomes], run_id=run, **more)
    return ExitCode.DONE
