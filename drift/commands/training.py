"""`drift base` and `drift retrain`: a first model, and the one that may follow it."""

from __future__ import annotations

from dataclasses import replace

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import write_json
from drift.errors import ExitCode
from drift.loop.options import BaseOptions, ManualRetrainOptions, ServerOptions, TableOptions
from drift.system.options import as_options

NEEDS = ("mlflow", "ax", "cryptography", "matplotlib")


@command(order="max_epochs", needs=NEEDS)
def base(
    options: BaseOptions, table: TableOptions, resume: o.Resume = False, json: o.Json = None, verbose: o.Verbose = False
) -> ExitCode:
    """Train the base model: search parameters with Ax, log every trial to MLflow.

    Example: drift base --max_epochs 3 --total_trials 5
    """
    from drift.loop.library import Loop
    from drift.terminal import Screen

    options = replace(options, train=options.train.on_device())
    with Screen() as screen:
        result = Loop(tell=screen.tell).base(table.source, options, resume=resume)
        chosen = ", ".join(f"{name} {value:.6g}" for name, value in result.card.parameters.items())
        screen.last_line(f"chosen: {chosen}\nvalidation accuracy {result.accuracy:.6f}")
        screen.last_line(f"run {result.run_id} in experiment {result.experiment} of {result.tracking_uri}")
        screen.last_line(f"next: {result.next_step}")
    called = as_options(options, table, resume=resume)
    write_json(json, called, result.trials, run_id=result.run_id, accuracy=result.accuracy)
    return ExitCode.DONE


@command(
    order="max_epochs mlflow_experiment_name total_trials register_model_name promote window_rows held_out_rows"
    " warm_start promote_level",
    needs=NEEDS,
)
def retrain(
    options: ManualRetrainOptions, server: ServerOptions, json: o.Json = None, verbose: o.Verbose = False
) -> ExitCode:
    """Train a challenger on the rows seen so far; promote it if it beats the champion on the newest ones.

    Example: drift retrain --max_epochs 3 --total_trials 2 --window_rows 3021
    """
    from drift.loop.library import Loop
    from drift.terminal import Screen, has_terminal

    options = replace(options, retrain=options.retrain.on_device())
    with Screen() as screen:
        loop = Loop(server=server, tell=screen.tell, questions=screen if has_terminal() else None)
        result = loop.retrain(options)
        run_id = result.last.challenger.run_id
        screen.last_line(f"challenger's run {run_id} in experiment {result.experiment} of {result.tracking_uri}")
        screen.last_line(result.next_step)
    write_json(json, as_options(options, server), result.records, run_id=run_id, exit_code=int(result.exit_code))
    return result.exit_code
