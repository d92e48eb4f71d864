"""`drift deploy` and `drift serve`: a model at work, watched or not."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import check_server, server_starter, source_of, write_json
from drift.errors import ExitCode, UsageError
from drift.system.devices import resolve_device
from drift.system.extras import require

if TYPE_CHECKING:
    from drift.loop.card import DataSource
    from drift.loop.journal.records import Deployment
    from drift.loop.options import DeployOptions

SOURCE_OPTIONS = {"data": "path", "label": "label", "time": "time", "ignore": "ignore"}


@command
def deploy(
    context: typer.Context,
    test_data_rows: Annotated[
        int,
        typer.Option(
            "--test_data_rows",
            min=1,
            help="Rows to score, after those the model has seen.",
            rich_help_panel=o.MAIN,
        ),
    ] = 100,
    start_row: Annotated[
        int | None,
        typer.Option(
            "--start_row",
            min=0,
            help="First row to score. Default: the first that the model has not seen.",
            rich_help_panel=o.MORE,
            show_default=False,
        ),
    ] = None,
    block_size: Annotated[
        int, typer.Option("--block_size", min=1, help="Rows scored together.", rich_help_panel=o.MAIN)
    ] = 20,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            help="When to retrain: one of the policies listed below.",
            rich_help_panel=o.MAIN,
        ),
    ] = "threshold",
    threshold_accuracy: Annotated[
        float,
        typer.Option(
            "--threshold_accuracy",
            min=0.0,
            max=1.0,
            help="Of the policies threshold and forecast where their name gives none, and of the forecast after each"
            " block: accuracy below which a block is flagged.",
            rich_help_panel=o.MAIN,
        ),
    ] = 0.55,
    tolerated_loss: Annotated[
        float,
        typer.Option(
            "--tolerated_loss",
            min=0.001,
            max=0.99,
            help="Of the policy evidence: accuracy that may be lost, of what was accepted.",
            rich_help_panel=o.MAIN,
        ),
    ] = 0.02,
    expected_run_length: Annotated[
        float,
        typer.Option(
            "--expected_run_length",
            min=2,
            help="Of the policy evidence: blocks between false alarms, at least, in the mean.",
            rich_help_panel=o.MAIN,
        ),
    ] = 200,
    register_model_name: o.ModelName = "drift_model",
    mlflow_experiment_name: o.Experiment = "drift",
    max_epochs: o.Epochs = 3,
    total_trials: o.Trials = 2,
    retrain: Annotated[
        Literal["ask", "always", "never"],
        typer.Option("--retrain", help="What to do when a block is flagged.", rich_help_panel=o.MAIN),
    ] = "ask",
    promote: Annotated[
        Literal["auto", "ask", "always", "never"],
        typer.Option(
            "--promote",
            help="When a challenger is trained, or a new base model is beside a champion; auto: if the paired test"
            " says better.",
            rich_help_panel=o.MAIN,
        ),
    ] = "auto",
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow",
            help="A challenger answers new blocks unheard, beside the champion, and is promoted or given up when a bet"
            " on the difference says so, however often one looks.",
            rich_help_panel=o.MAIN,
        ),
    ] = False,
    window_rows: o.Window = None,
    held_out_rows: o.HeldOut = None,
    warm_start: o.Warm = False,
    promote_level: o.Level = 0.05,
    until_accepted: o.UntilAccepted = 0,
    cooldown_blocks: Annotated[
        int,
        typer.Option(
            "--cooldown_blocks",
            min=0,
            help="Blocks after a retrain in which a flag asks for no other; the question at the end waits so long after"
            " a promotion only.",
            rich_help_panel=o.MORE,
        ),
    ] = 5,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    data: o.Data = None,
    label: o.Label = None,
    time: o.Time = None,
    ignore: o.Ignore = "",
    port: o.Port = None,
    server: o.Server = None,
    server_folder: o.ServerFolder = None,
    format: Annotated[
        Literal["npy", "json"], typer.Option("--format", help="How rows travel.", rich_help_panel=o.MORE)
    ] = "npy",
    resume: o.Resume = False,
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Serve the best model with TorchServe and score what comes after its training, block by block.

    A block below the threshold (or what --policy says) is flagged, and you are asked whether to retrain now.
    Without a terminal nothing is asked, and the exit code is 3; it is 4 if a challenger was refused.

    Example: drift deploy --block_size 20 --threshold_accuracy .55
    """
    require("mlflow", "ax", "cryptography", "matplotlib", "ts", "model_archiver", "yaml")
    source = source_of(data, label, time, ignore)
    from drift.loop.deploy import deploy as begin
    from drift.loop.deploy import resume as go_on
    from drift.loop.deploy import unfinished
    from drift.loop.journal.journal import Journal
    from drift.loop.journal.lost_log import require_log, tell_lost_log
    from drift.loop.options import DeployOptions
    from drift.loop.project_dir import ProjectDir
    from drift.loop.proposals.after_deployment import last_lines
    from drift.loop.releases.promote import person
    from drift.loop.retraining import approval
    from drift.loop.retraining.retrain import RetrainOptions, retrain_cost
    from drift.loop.running import DeploymentContext
    from drift.loop.training.fitting import TrainOptions
    from drift.report.deployment import write_deployment
    from drift.terminal import Screen, has_terminal
    from drift.tracking.connection.store import connect
    from drift.tracking.registry import Registry

    device = resolve_device(device)
    retraining = RetrainOptions(
        TrainOptions(max_epochs, total_trials, seed, device),
        window_rows, held_out_rows, warm_start, promote_level, until_accepted,
    )  # fmt: skip
    asked = DeployOptions(
        experiment=mlflow_experiment_name, model_name=register_model_name, test_data_rows=test_data_rows,
        start_row=start_row, block_size=block_size, threshold_accuracy=threshold_accuracy,
        cooldown_blocks=cooldown_blocks, policy=policy, tolerated_loss=tolerated_loss,
        expected_run_length=expected_run_length, shadow=shadow,
        retrain=retraining, ask=approval.RetrainMode(retrain), promote=approval.PromoteMode(promote), format=format,
    )  # fmt: skip
    check_server(server, server_folder, port)
    if asked.promote is approval.PromoteMode.ASK and not resume and not has_terminal():
        raise UsageError("--promote ask needs a terminal to ask at; use --promote auto, always or never")
    store, home = connect(), ProjectDir()
    journal = Journal(home.log)
    if resume:
        require_log(Registry(store, register_model_name), journal)
    options = _kept(unfinished(journal, register_model_name), asked, source, context) if resume else asked
    if options.promote is approval.PromoteMode.ASK and not has_terminal():
        raise UsageError("--promote ask needs a terminal to ask at; use --promote auto, always or never")
    with Screen(cost=lambda: retrain_cost(store, options.experiment, options.retrain)) as screen:
        tell_lost_log(Registry(store, options.model_name), journal, screen.tell)
        agree = approval.consent_for(options.ask, screen.question if has_terminal() else None, person())
        world = DeploymentContext(
            store=store, home=home, journal=journal, person=person(), tell=screen.tell, consent=agree,
            write_report=write_deployment,
            ask_promotion=screen.ask_promotion if has_terminal() else None,
            ask_replacement=screen.confirm if has_terminal() else None,
            serve=server_starter(home, server, server_folder, port),
            server={"server": server, "server_folder": server_folder, "port": port},
        )  # fmt: skip
        result = (
            go_on(world, register_model_name, device=options.retrain.train.device)
            if resume
            else begin(world, options, source if data else None)
        )
        told = result.details.outcome.summary
        for line in told.lines():
            screen.last_line(line)
        for line in last_lines(result, options, {"server": server, "server_folder": server_folder}):
            screen.last_line(line)
        screen.last_line(f"report: {result.report}")
    write_json(
        json,
        options.as_called() | {"data": result.deployment.options["source"]},
        [
            {
                **vars(block),
                "accuracy": block.accuracy,
                "wrong": block.wrong,
                "forecast": result.forecasts[block.index].record,
            }
            for block in result.blocks
        ],
        deployment=result.deployment.id,
        run_id=result.deployment.run_id,
        accuracy=told.accuracy,
        seen_rows=told.seen_rows,
        flagged=told.flagged,
        promotions=told.promotions,
        changes_from_outside=told.outside,
        decisions=[vars(decision) for decision in result.decisions],
        lowest_accuracy=result.ending and result.ending.lowest.accuracy,
        distance_from_threshold=result.ending and result.ending.distance,
        threshold_advice=result.threshold_advice,
        model_versions=list(result.details.versions),
        moved_features=list(result.details.moved),
        **result.details.outcome.record,
        report=str(result.report),
        exit_code=int(result.exit_code),
    )
    return result.exit_code


@command
def serve(
    register_model_name: o.ModelName = "drift_model",
    port: o.Port = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Serve the champion until Ctrl-C and say how to ask it; other commands find the server, or take it by --server.

    Example: drift serve
    """
    require("mlflow", "cryptography", "ts", "model_archiver", "yaml")
    from drift.loop.journal.journal import Journal
    from drift.loop.journal.lost_log import tell_lost_log
    from drift.loop.project_dir import ProjectDir
    from drift.loop.releases.trusted import trusted_registry
    from drift.loop.serve import serve as serve_champion
    from drift.terminal import Screen, current
    from drift.tracking.connection.store import connect
    from drift.tracking.registry import Registry

    store = connect()
    Registry(store, register_model_name).champion()
    home, screen, answers = ProjectDir(), Screen(), False
    journal = Journal(home.log)
    registry = trusted_registry(store, register_model_name, journal)
    tell_lost_log(registry, journal, screen.tell)

    def show(text: str) -> None:
        nonlocal answers
        answers = True  # before the line that says how to end it, at which somebody may do so
        screen.last_line(text)
        stack.enter_context(current().muted())  # nothing is waited for any more

    with ExitStack() as stack:
        try:
            serve_champion(registry, home, journal, port=port, tell=screen.tell, show=show)
        except KeyboardInterrupt:
            if not answers:  # nothing was served: the command did not do what it was called for
                raise
    return ExitCode.DONE


def _kept(deployment: Deployment, asked: DeployOptions, table: DataSource, context: typer.Context) -> DeployOptions:
    """The options that a deployment began with; only `--retrain` and `--device` may be others now.

    Raises:
        UsageError: when an option given with --resume says something else, or the device is not there any more.
    """
    from drift.loop.deploy import options_of

    kept = options_of(deployment)
    given = {name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"}  # type: ignore[union-attr]
    source = deployment.options["source"]
    before = kept.as_called() | {name: source[key] for name, key in SOURCE_OPTIONS.items()}
    now = asked.as_called() | {name: asdict(table)[key] for name, key in SOURCE_OPTIONS.items()}
    for name in sorted(given - {"retrain", "device"}):
        if name in before and _plain(before[name]) != _plain(now[name]):
            raise UsageError(
                f"expected --{name} {_plain(before[name])}, as the deployment {deployment.id} began with, got"
                f" {_plain(now[name])}: leave it out with --resume, or begin another deployment"
            )
    kept = kept.on_device((asked if "device" in given else kept).retrain.train.device)
    return replace(kept, ask=asked.ask) if "retrain" in given else kept


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
