"""`drift deploy` and `drift serve`: a model at work, watched or not."""

from __future__ import annotations

from contextlib import ExitStack

import typer

from drift import next_steps
from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import write_json
from drift.errors import ExitCode
from drift.loop.options import DeployOptions, ModelName, ServerOptions, TableOptions
from drift.system.options import as_options

NEEDS = ("mlflow", "cryptography", "ts", "model_archiver", "yaml")
ORDER = (
    "test_data_rows start_row block_size policy threshold_accuracy tolerated_loss expected_run_length"
    " register_model_name mlflow_experiment_name max_epochs total_trials retrain promote shadow window_rows"
    " held_out_rows warm_start promote_level until_accepted cooldown_blocks seed device data label time ignore port"
    " server server_folder"
)


@command(order=ORDER, needs=("ax", "matplotlib", *NEEDS))
def deploy(
    context: typer.Context,
    options: DeployOptions,
    table: TableOptions,
    server: ServerOptions,
    port: o.Port = None,
    resume: o.Resume = False,
    json: o.Json = None,
    verbose: o.Verbose = False,
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
    write_json(json, called, result.records, **result.numbers)
    return result.exit_code


@command(needs=NEEDS)
def serve(
    register_model_name: ModelName = next_steps.DEFAULT_MODEL, port: o.Port = None, verbose: o.Verbose = False
) -> ExitCode:
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
    return ExitCode.DONE
