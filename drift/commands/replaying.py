"""`drift replay`: which policy would have retrained at the right moments?"""

from __future__ import annotations

from dataclasses import replace as changed

from drift import next_steps
from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import write_json
from drift.errors import ExitCode
from drift.loop.options import Experiment, TableOptions
from drift.replays.options import ReplayOptions
from drift.system.devices import resolve_device
from drift.system.extras import require
from drift.system.options import as_options


@command(order="policies html")
def replay(
    options: ReplayOptions,
    table: TableOptions,
    mlflow_experiment_name: Experiment = next_steps.DEFAULT_EXPERIMENT,
    html: o.Page = None,
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Replay a whole stream under several policies: when would each have retrained, and what did it gain?

    Labels of a block arrive when it ends; features are those of a row alone. What was trained once is kept, so that an
    interrupted replay goes on where it was, and another policy costs little.

    Example: drift replay --policies never,spaced:10,harm --block_size 1007
    """
    require("mlflow", *(("ts", "model_archiver", "yaml") if options.serve else ()))
    from drift.loop.project_dir import ProjectDir
    from drift.replays import library
    from drift.replays.logged import log_results
    from drift.replays.summary import table_lines
    from drift.report.replay import write_replay
    from drift.terminal import counting, line_width
    from drift.tracking.connection.store import connect

    source, options = table.source, changed(options, device=resolve_device(options.device))
    rows = source.load()
    home, store = ProjectDir(), connect(create=True)
    with counting() as tell:
        result = library.replay(rows, options, tell=lambda step: tell(step.words, step.done, step.total))
    for line in table_lines(result.results, width=line_width()):
        print(line)
    if result.served is not None:
        print(result.served)
    for warned in result.advice:
        print(warned.words)
    experiment = mlflow_experiment_name
    called = as_options(options, table, mlflow_experiment_name=experiment, html=html)
    page = write_replay(result.results, result.summary, html or home.new_report("replay"))
    run = log_results(result.results, store, experiment, options=called, page=page)
    print(f"run {run} in experiment {experiment} of {store.address}")
    print(f"page: {page}")
    print(f"next, to train a model of this table: {next_steps.train_base(experiment, source.options)}")
    write_json(json, called, result.records, run_id=run, **result.numbers)
    return ExitCode.DONE
