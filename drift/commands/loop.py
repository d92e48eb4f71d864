"""`drift base`, `deploy`, `retrain`, `rollback`, `serve`, `status`, `history`, `replay`: a model and its successors."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated

import typer

from drift import next_steps
from drift.commands import options as o
from drift.commands.ending import command
from drift.errors import ExitCode
from drift.loop import options as loop_options
from drift.replays.options import ReplayOptions
from drift.system.devices import resolve_device
from drift.system.extras import require
from drift.system.options import Option, as_options

TRAINS = ("mlflow", "ax", "cryptography", "matplotlib")
SERVES = ("mlflow", "cryptography", "ts", "model_archiver", "yaml")


@command(order="max_epochs", needs=TRAINS)
def base(
    options: loop_options.BaseOptions, table: loop_options.TableOptions, resume: o.Resume = False, json: o.Json = None
) -> None:
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
    o.write_json(json, called, result.trials, run_id=result.run_id, accuracy=result.accuracy)


@command(
    order="test_data_rows start_row block_size policy threshold_accuracy tolerated_loss expected_run_length"
    " register_model_name mlflow_experiment_name max_epochs total_trials retrain promote shadow window_rows"
    " held_out_rows warm_start promote_level until_accepted cooldown_blocks seed device data label time ignore port"
    " server server_folder",
    needs=("ax", "matplotlib", *SERVES),
)
def deploy(
    context: typer.Context,
    options: loop_options.DeployOptions,
    table: loop_options.TableOptions,
    server: loop_options.ServerOptions,
    port: o.Port = None,
    resume: o.Resume = False,
    json: o.Json = None,
) -> ExitCode:
    """Serve the best model with TorchServe and score what comes after its training, block by block.

    A block below the threshold (or what --policy says) is flagged, and you are asked whether to retrain now.
    Without a terminal nothing is asked, and the exit code is 3; it is 4 if a challenger was refused.

    Example: drift deploy --block_size 20 --threshold_accuracy .55
    """
    from drift.loop.library import Loop
    from drift.loop.proposals import last_lines
    from drift.report.deployment import write_deployment
    from drift.terminal import Screen, has_terminal

    source, options = table.source, options.on_device()
    given = {name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"}  # type: ignore[union-attr]
    with Screen(cost=lambda: loop.retrain_cost(options)) as screen:
        loop = Loop(
            server=server, port=port, tell=screen.tell, questions=screen if has_terminal() else None,
            write_report=write_deployment,
        )  # fmt: skip
        options = loop.kept_options(options, source, given) if resume else options
        result = loop.resume(options) if resume else loop.deploy(options, source if table.data else None)
        for line in (*result.summary.lines(), *last_lines(result, options, as_options(server))):
            screen.last_line(line)
        screen.last_line(f"report: {result.report}")
    called = options.as_called() | {"data": result.deployment.options["source"]}
    o.write_json(json, called, result.records, **result.numbers)
    return result.exit_code


@command(
    order="max_epochs mlflow_experiment_name total_trials register_model_name promote window_rows held_out_rows"
    " warm_start promote_level",
    needs=TRAINS,
)
def retrain(
    options: loop_options.ManualRetrainOptions, server: loop_options.ServerOptions, json: o.Json = None
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
    o.write_json(json, as_options(options, server), result.records, run_id=run_id, exit_code=int(result.exit_code))
    return result.exit_code


@command(needs=("mlflow",))
def status(register_model_name: loop_options.ModelName = next_steps.DEFAULT_MODEL, json: o.Json = None) -> None:
    """Who is champion, since when, on what evidence, and what is running.

    Example: drift status
    """
    from drift.loop.library import Loop
    from drift.loop.status import status_lines
    from drift.terminal import fold

    standing = Loop().status(register_model_name)
    for line in status_lines(standing):
        print(fold(line, indent=14))
    o.write_json(json, {"register_model_name": register_model_name}, [standing])


@command
def history(register_model_name: loop_options.ModelName = next_steps.DEFAULT_MODEL, json: o.Json = None) -> None:
    """The audit trail: who or what changed the champion, when and why.

    It guards against accidents: a line that was changed afterwards is told, but the file's owner can write another one.

    Example: drift history
    """
    from drift.loop.status import history_of
    from drift.terminal import fold

    trail = history_of(register_model_name)
    for line, indent in trail.lines:
        print(fold(line, indent=indent))
    if trail.note:
        print(trail.note)
    o.write_json(json, {"register_model_name": register_model_name}, [vars(line) for line in trail.changes])


@command(needs=("mlflow",))
def rollback(
    *,
    register_model_name: loop_options.ModelName = next_steps.DEFAULT_MODEL,
    reason: Annotated[str, Option("Why, for the audit trail.", "")] = loop_options.NO_REASON,
    server: loop_options.ServerOptions,
) -> None:
    """Put the previous version back as champion, in the registry and in a running server.

    Example: drift rollback --reason "complaints since Monday"
    """
    from drift.loop.library import Loop
    from drift.terminal import Screen

    print(Loop(server=server, tell=Screen().tell).rollback(register_model_name, reason=reason).next_step)


@command(needs=SERVES)
def serve(register_model_name: loop_options.ModelName = next_steps.DEFAULT_MODEL, port: o.Port = None) -> None:
    """Serve the champion until Ctrl-C and say how to ask it; other commands find the server, or take it by --server.

    Example: drift serve
    """
    from drift.loop.library import Loop
    from drift.terminal import Screen, current

    screen, answers = Screen(), False

    def show(text: str) -> None:
        nonlocal answers
        answers = True  # before the line that says how to end it, at which somebody may do so
        screen.last_line(text)
        stack.enter_context(current().muted())  # nothing is waited for any more

    with ExitStack() as stack:
        try:
            Loop(port=port, tell=screen.tell).serve(register_model_name, show=show)
        except KeyboardInterrupt:
            if not answers:  # nothing was served: the command did not do what it was called for
                raise


@command(order="policies html")
def replay(
    options: ReplayOptions,
    table: loop_options.TableOptions,
    mlflow_experiment_name: loop_options.Experiment = next_steps.DEFAULT_EXPERIMENT,
    html: o.Page = None,
    json: o.Json = None,
) -> None:
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

    source, options = table.source, replace(options, device=resolve_device(options.device))
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
    o.write_json(json, called, result.records, run_id=run, **result.numbers)
