"""The question at a flagged block, in a real terminal, and what happens where there is none."""

from __future__ import annotations

import json
import shlex

import pytest
from scipy.stats import binom

from tests.built import FIVE_BLOCKS, NONE_FLAGGED, QUICK_RETRAIN
from tests.faults.conftest import ALL_FLAGGED, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def printed(text: str, words: str) -> list[str]:
    """The arguments of the command that a line prints behind `words`, from its name on."""
    line = text.split(f"{words}: ")[1].splitlines()[0]
    return shlex.split(line[line.index("retrain ") :])


DEPLOY = ("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, *QUICK_RETRAIN)
QUESTION = r"Retrain now\?.*?\): "


def test_yes_retrains_and_goes_on_with_the_new_version(project: Project) -> None:
    """`y` retrains, version 2 answers every later block, and nothing is left for a person: exit 0."""
    terminal = project.spawn(*DEPLOY, "--promote", "always")
    terminal.expect(QUESTION)
    terminal.answer("y")
    assert terminal.end() == 0, terminal.text
    project.assert_complete(5)
    assert [version for _, version in project.blocks()] == [1, 2, 2, 2, 2]
    assert (project.alias("champion"), project.alias("previous"), project.alias("challenger")) == (2, 1, None)
    assert [line[0] for line in project.audit()] == ["deploy", "promote"]
    assert "a retrain: 2 trials of 1 epochs on the last 4,000 rows" in terminal.text


def test_a_person_may_refuse_the_challenger(project: Project) -> None:
    """`y` to the retrain and, by `--promote ask`, `n` to the promotion: the champion stays, exit 4."""
    terminal = project.spawn(*DEPLOY, "--promote", "ask")
    terminal.expect(QUESTION)
    terminal.answer("y")
    terminal.expect(r"Promote version 2\? .*?: ")
    terminal.answer("n")
    terminal.expect(
        r"Retrain now\? \[y\]es, \[n\]o: "
    )  # a refusal settles nothing for good, so the question comes once more
    terminal.answer("n")
    assert terminal.end() == 4, terminal.text
    project.assert_complete(5)
    assert {version for _, version in project.blocks()} == {1}
    assert (project.alias("champion"), project.alias("challenger")) == (1, 2)
    assert project.decisions()[0] == (0, "refused", 2)


def test_no_is_not_asked_again(project: Project) -> None:
    """`n` scores the rest without another question, says how to retrain, and exits 3."""
    terminal = project.spawn(*DEPLOY)
    terminal.expect(QUESTION)
    terminal.answer("n")
    assert terminal.end() == 3, terminal.text
    assert terminal.text.count("Retrain now?") == 1
    assert f"drift retrain --mlflow_experiment_name drift --register_model_name {project.model}" in terminal.text
    project.assert_complete(5)
    assert {outcome for _, outcome, _ in project.decisions()} == {"declined"}


def test_later_asks_again_and_end_of_input_means_no(project: Project) -> None:
    """`l` and a wrong key ask again; Ctrl-D says no; the exit code is 3."""
    terminal = project.spawn(*DEPLOY)
    terminal.expect(QUESTION)
    terminal.answer("l")
    terminal.expect("block 1 flagged")
    terminal.expect(QUESTION)
    terminal.answer("what?")
    terminal.expect(QUESTION)
    terminal.ctrl_d()
    assert terminal.end() == 3, terminal.text
    project.assert_complete(5)
    assert len(project.decisions()) >= 3


def test_without_a_terminal_nobody_is_asked(project: Project) -> None:
    """No terminal: blocks are marked, the command that retrains is printed, exit 3; that very command then works."""
    ended = project.run(*DEPLOY)
    assert (ended.code, ended.err) == (3, "")
    project.assert_complete(5)
    told = printed(ended.out, "to retrain")
    again = project.run(command=[*project.command("status")[:3], *told, *QUICK_RETRAIN, "--promote", "always"])
    assert again.code == 0, again.err
    assert project.alias("champion") == 2
    project.assert_settled()


END_QUESTION = r"Retrain now\? \[y\]es, .*?\[n\]o \(Enter: n\): "


def test_the_end_asks_though_no_block_was_flagged(project: Project) -> None:
    """The specification's defaults flag nothing: Enter says no and exits 0; the answer is in the log."""
    terminal = project.spawn("deploy", *FIVE_BLOCKS, *NONE_FLAGGED, *QUICK_RETRAIN)
    terminal.expect(END_QUESTION)
    terminal.answer("")
    assert terminal.end() == 0, terminal.text
    assert "no block was flagged; the lowest accuracy is 0." in terminal.text
    assert "above the threshold of 0.000" in " ".join(terminal.text.replace("│", " ").split())
    assert printed(terminal.text, "to retrain anyway")[:3] == ["retrain", "--mlflow_experiment_name", "drift"]
    assert project.decisions() == [(5, "declined", None)]
    project.assert_complete(5)


def test_yes_at_the_end_retrains_after_an_interrupted_question(project: Project) -> None:
    """Ctrl-C at the last question, `--resume` puts it again, `y` retrains, compares and promotes: exit 0."""
    terminal = project.spawn("deploy", *FIVE_BLOCKS, *NONE_FLAGGED, *QUICK_RETRAIN, "--promote", "always")
    terminal.expect(END_QUESTION)
    terminal.ctrl_c()
    assert terminal.end() == 130, terminal.text
    project.assert_resumable()
    again = project.spawn("deploy", "--resume")
    again.expect(END_QUESTION)
    again.answer("y")
    assert again.end() == 0, again.text
    assert project.decisions() == [(5, "promoted", 2)]
    assert [line[0] for line in project.audit()] == ["deploy", "promote"]
    assert project.alias("champion") == 2
    project.assert_complete(5)


def test_a_refusal_at_the_end_exits_4(project: Project) -> None:
    """`y` at the end, and the challenger is refused."""
    terminal = project.spawn("deploy", *FIVE_BLOCKS, *NONE_FLAGGED, *QUICK_RETRAIN, "--promote", "never")
    terminal.expect(END_QUESTION)
    terminal.answer("y")
    assert terminal.end() == 4, terminal.text
    assert project.decisions() == [(5, "refused", 2)]


def test_too_few_new_rows_propose_later(project: Project) -> None:
    """At the first flag, 20 rows are new and all are held out: the question says so, and Enter means later."""
    terminal = project.spawn(*DEPLOY)
    terminal.expect(QUESTION)
    text = " ".join(terminal.text.replace("│", " ").split())
    assert "it would learn from 0 of the 20 new rows" in text
    assert "too few to learn from: score" in text
    terminal.answer("")
    terminal.expect("block 1 flagged")
    terminal.expect(QUESTION)
    terminal.answer("n")
    assert terminal.end() == 3, terminal.text
    assert {outcome for _, outcome, _ in project.decisions()} == {"declined"}


def test_without_a_terminal_the_end_says_how_to_retrain_anyway(project: Project) -> None:
    ended = project.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED, *QUICK_RETRAIN)
    assert (ended.code, ended.err) == (0, "")
    assert "no block was flagged; the lowest accuracy is 0." in ended.out
    told = printed(ended.out, "to retrain anyway")
    again = project.run(command=[*project.command("status")[:3], *told, "--promote", "always"])
    assert again.code == 0, again.err
    assert project.alias("champion") == 2


def test_a_threshold_above_the_accepted_accuracy_is_warned_of(project: Project) -> None:
    """Once, before any block, with a threshold that then flags nothing."""
    ended = project.run("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, "--retrain", "never", "--json", "advice.json")
    assert ended.code == 3, ended.err
    lines = ended.out.splitlines()
    (warning,) = [at for at, line in enumerate(lines) if line.startswith("warning: the threshold of 0.99 is above")]
    assert warning < next(at for at, line in enumerate(lines) if line.startswith("block"))
    advice = json.loads((project.folder / "advice.json").read_text())["threshold_advice"]
    assert f"--threshold_accuracy {advice['proposed']:g} flags at most 1 block in 100" in lines[warning]
    right = round(advice["proposed"] * 20 + 0.499)
    assert (
        binom.cdf(right - 1, 20, advice["accepted_accuracy"])
        <= 0.01
        < binom.cdf(right, 20, advice["accepted_accuracy"])
    )


def test_a_challenger_left_in_shadow_has_an_ending_of_its_own(project: Project) -> None:
    """Flags stay visible meanwhile; exit 3, and the last lines do not say refused."""
    ended = project.run(*DEPLOY, "--retrain", "always", "--shadow")
    assert ended.code == 3, ended.err
    assert ended.out.count("flagged: accuracy") >= 2
    assert "but version 2 is in shadow" in ended.out
    assert "version 2 is still in the shadow: challenger undecided" in ended.out
    assert "version 2 was neither promoted nor refused" in ended.out
    assert "version 2 refused" not in ended.out
    told = printed(ended.out, "another challenger")
    again = project.run(command=[*project.command("status")[:3], *told, "--promote", "never"])
    assert again.code == 4, again.err
