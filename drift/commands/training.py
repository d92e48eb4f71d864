"""`drift base` and `drift retrain`: a first model, and the one that may follow it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import check_server, options_as_called, service_finder, source_of, write_json
from drift.errors import ExitCode, UsageError
from drift.system.devices import resolve_device
from drift.system.extras import require


@command
def base(
    max_epochs: o.Epochs = 3,
    mlflow_experiment_name: o.Experiment = "drift",
    total_trials: o.Trials = 5,
    train_rows: Annotated[
        float,
        typer.Option(
            "--train_rows",
            help="Rows to train on, from the first: a share below 1, or a number.",
            rich_help_panel=o.MAIN,
        ),
    ] = 0.7,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    data: o.Data = None,
    label: o.Label = None,
    time: o.Time = None,
    ignore: o.Ignore = "",
    resume: o.Resume = False,
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Train the base model: search parameters with Ax, log every trial to MLflow.

    Example: drift base --max_epochs 3 --total_trials 5
    """
    require("mlflow", "ax", "cryptography", "matplotlib")
    device = resolve_device(device)
    source = source_of(data, label, time, ignore)
    table = source.load()
    from drift.loop.project_dir import ProjectDir
    from drift.loop.training.base import next_step, train_base
    from drift.loop.training.fitting import TrainOptions
    from drift.terminal import Screen
    from drift.tracking.connection.store import connect

    home, store = ProjectDir(), connect(create=True)
    options = TrainOptions(max_epochs, total_trials, seed, device)
    with Screen() as screen:
        result = train_base(
            table, source, store=store, home=home, experiment=mlflow_experiment_name,
            train_rows=train_rows, options=options, resume=resume, tell=screen.tell,
        )  # fmt: skip
        chosen = ", ".join(f"{name} {value:.6g}" for name, value in result.card.parameters.items())
        screen.last_line(f"chosen: {chosen}\nvalidation accuracy {result.accuracy:.6f}")
        screen.last_line(f"run {result.run_id} in experiment {result.experiment} of {store.address}")
        screen.last_line(f"next: {next_step(result, store, rows_left=len(table) - result.card.seen)}")
    home.forget_search(result.run_id)
    trials = [
        {"trial": t.index, "status": str(t.status), "accuracy": t.accuracy, **t.parameters}
        for t in result.fitted.outcomes
    ]
    write_json(json, options_as_called(base, locals()), trials, run_id=result.run_id, accuracy=result.accuracy)
    return ExitCode.DONE


@command
def retrain(
    max_epochs: o.Epochs = 3,
    mlflow_experiment_name: o.Experiment = "drift",
    total_trials: o.Trials = 2,
    register_model_name: o.ModelName = "drift_model",
    promote: Annotated[
        Literal["auto", "ask", "always", "never"],
        typer.Option("--promote", help="auto: if the paired test says better.", rich_help_panel=o.MAIN),
    ] = "auto",
    window_rows: o.Window = None,
    held_out_rows: o.HeldOut = None,
    warm_start: o.Warm = False,
    promote_level: o.Level = 0.05,
    until_accepted: o.UntilAccepted = 0,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    server: o.Server = None,
    server_folder: o.ServerFolder = None,
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Train a challenger on the rows seen so far; promote it if it beats the champion on the newest ones.

    Example: drift retrain --max_epochs 3 --total_trials 2 --window_rows 3021
    """
    require("mlflow", "ax", "cryptography", "matplotlib")
    from drift.loop.journal.journal import Journal
    from drift.loop.journal.lost_log import home_of, tell_lost_log
    from drift.loop.proposals.after_change import after_promotion
    from drift.loop.proposals.after_refusal import after_refusal
    from drift.loop.releases.promote import Championship, comparison_evidence, person
    from drift.loop.releases.trusted import trusted_registry
    from drift.loop.retraining.approval import PromoteMode
    from drift.loop.retraining.challenge import ChallengeConfig
    from drift.loop.retraining.manual_retrain import retrain_on_latest
    from drift.loop.retraining.retrain import RetrainOptions
    from drift.loop.training.fitting import TrainOptions
    from drift.terminal import Screen, has_terminal
    from drift.tracking.connection.store import connect
    from drift.tracking.registry import Registry

    check_server(server, server_folder)
    if promote == "ask" and not has_terminal():
        raise UsageError("--promote ask needs a terminal to ask at; use --promote auto, always or never")
    if promote == "never" and until_accepted:
        raise UsageError("--promote never accepts no challenger: leave out --until_accepted, or --promote never")
    device = resolve_device(device)
    store, training = connect(), TrainOptions(max_epochs, total_trials, seed, device)
    home = home_of(Registry(store, register_model_name))
    journal = Journal(home.log)
    registry = trusted_registry(store, register_model_name, journal)
    with Screen() as screen:
        find_service = service_finder(home, register_model_name, server, server_folder)
        ring = ChallengeConfig(
            championship=Championship(registry, find_service, journal, home, screen.tell),
            experiment=mlflow_experiment_name, mode=PromoteMode(promote), person=person(),
            options=RetrainOptions(training, window_rows, held_out_rows, warm_start, promote_level, until_accepted),
            ask=screen.ask_promotion if has_terminal() else None,
        )  # fmt: skip
        tell_lost_log(registry, journal, screen.tell)
        verdict = retrain_on_latest(ring)
        screen.last_line(
            f"challenger's run {verdict.challenger.run_id} in experiment {ring.experiment} of {registry.store.address}"
        )
        following = after_promotion if verdict.promoted else after_refusal
        screen.last_line(following(verdict, ring, {"server": server, "server_folder": server_folder}))
    challenger, code = verdict.challenger, ExitCode.DONE if verdict.promoted else ExitCode.REFUSED
    records = [
        comparison_evidence(one.challenger.test)
        | {
            "challenger": one.challenger.version.number,
            "promoted": one.promoted,
            "by": one.by,
            "reason": one.reason,
            "training_rows": one.challenger.card.fit_rows,
            "held_out_rows": (one.challenger.held_out.start, one.challenger.held_out.stop),
        }
        for one in (*verdict.earlier, verdict)
    ]
    write_json(json, options_as_called(retrain, locals()), records, run_id=challenger.run_id, exit_code=int(code))
    return code
