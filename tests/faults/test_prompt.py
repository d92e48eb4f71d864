"""The question at a flagged block, in a real terminal, and what happens where there is none."""

from __future__ import annotations

import pytest

from .conftest import ALL_FLAGGED, FIVE_BLOCKS, QUICK_RETRAIN, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

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
    told = ended.out.split("to retrain: drift ")[1].splitlines()[0].split()
    again = project.run(command=[*project.command("status")[:3], *told, *QUICK_RETRAIN, "--promote", "always"])
    assert again.code == 0, again.err
    assert project.alias("champion") == 2
    project.assert_settled()
