"""Every policy of the registry, deployed and replayed on small streams."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from drift import policies
from drift.errors import UsageError
from drift.loop.events import DriftFlagged
from drift.loop.options import DeployOptions
from drift.loop.retraining.approval import AlwaysRetrain
from drift.policies import DECLARED, POLICIES
from drift.policies.describe import policy_lines, policy_table
from drift.policies.history import History
from drift.policies.parser import COMBINATIONS, parse_policy
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, PolicySettings
from drift.policies.schedules import Never
from drift.replays.experiment import compare_policies
from drift.replays.play import Stream
from drift.replays.versions import ReplayVersions
from tests.fakes import SignPredictor
from tests.loop.scoring.test_score import ROWS, SIZE, TABLE, Story
from tests.replays import test_play as replayed

BLOCKS = len(ROWS) // SIZE
EXAMPLES = {"spaced": "spaced:2", "every": "every:2", "oracle": "oracle:2", "cost": "cost:1"}
NAMES = sorted(EXAMPLES.get(name, name) for name in POLICIES)
DEPLOYED = [name for name in NAMES if not parse_policy(name).replay_only]
WITH_WINDOW = ["every:2@250", "harm@change", "threshold:.7", "forecast:2:.8@change"]


def deployed(name: str, folder: Path) -> Story:
    """A deployment with this policy, to its end; a retrain promotes a version that knows the new rule."""
    folder.mkdir()
    story = Story(folder, AlwaysRetrain())
    options = DeployOptions(policy=name, threshold_accuracy=0.8, cooldown_blocks=1)
    story.parts.policy = options.decides(BLOCKS)
    make = options.detector()
    if make is not None:
        own = make(SignPredictor().reference(TABLE, range(200)))
        others = [detector for detector in story.parts.detectors if detector.name != own.name]
        story.parts.detectors = [*others, own]
    story.run()
    return story


@pytest.mark.parametrize("name", [*DEPLOYED, *WITH_WINDOW])
def test_a_policy_is_deployed_and_decides_the_same_again(name: str, tmp_path: Path) -> None:
    first, second = (deployed(name, tmp_path / folder) for folder in ("first", "second"))
    assert len(first.progress.blocks) == BLOCKS
    for story in (first, second):
        story.progress.blocks = [replace(block, seconds=0, scored_at="") for block in story.progress.blocks]
    assert first.progress.blocks == second.progress.blocks
    assert first.progress.decisions == second.progress.decisions
    policy = first.parts.policy
    for at in range(1, BLOCKS + 1):
        history = History(first.progress.blocks[:at], 1.0, first.progress.retrained_at)
        assert policy.decide(history) == policy.decide(history)
        assert isinstance(policy.decide(history), Decision)
    retrained = bool(first.progress.retrained_at)
    assert retrained or name not in ("threshold", "threshold:.7", "accuracy", "every:2", "spaced:2", "cost:1")


@pytest.mark.parametrize("name", [*NAMES, *WITH_WINDOW])
def test_a_policy_is_replayed_and_decides_the_same_again(name: str) -> None:
    stream = Stream(replayed.moving_table(), replayed.START, replayed.SIZE)
    first, second = (
        compare_policies(
            stream,
            ReplayVersions(stream.table, replayed.fit, family="threshold", cache=None),
            [name],
            seeds=(0,),
            window_rows=100,
        )
        .outcomes[0]
        .run
        for _ in range(2)
    )
    assert first.retrains == second.retrains
    assert first.alarms == second.alarms
    assert first.predictions.tolist() == second.predictions.tolist()


def test_a_schedule_is_the_same_in_both(tmp_path: Path) -> None:
    """`every:2` and `spaced:4` retrain after the same blocks of a deployment as of a replay of as many blocks."""
    for name, expected in (("every:2", [1, 3, 5, 7, 9]), ("spaced:4", [1, 3, 5, 7])):
        story = deployed(name, tmp_path / name)
        assert story.progress.retrained_at == expected
        assert not any(block.flagged for block in story.progress.blocks)
        due = [event for event in story.listener.events if isinstance(event, DriftFlagged)]
        assert [event.block for event in due] == expected
        assert {"accuracy", "chance", "recent_accuracy"} <= set(due[0].evidence)


@pytest.mark.parametrize("name", ["oracle:3", *(f"every:2+{name}" for name in COMBINATIONS)])
def test_what_is_replay_only_is_refused_with_the_reason(name: str) -> None:
    reason = parse_policy(name).replay_only
    assert reason
    with pytest.raises(UsageError, match="which is for drift replay only") as refused:
        DeployOptions(policy=name)
    assert reason in str(refused.value)


def test_a_window_that_no_retrain_takes_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a window of 200 rows or more"):
        DeployOptions(policy="every:2@199")


def test_earlier_names_and_defaults_are_kept() -> None:
    for name in ("threshold", "forecast:3", "evidence", "never", "adwin", "adwin@change", "page_hinkley"):
        assert DeployOptions.from_json(DeployOptions(policy=name).to_json()).policy == name
    options = DeployOptions()
    assert (options.policy, options.threshold, options.flags_below, options.detector()) == (
        "threshold", 0.55, True, None,
    )  # fmt: skip
    assert vars(options.decides(5)) == {"threshold": 0.55, "cooldown": 5}
    assert DeployOptions(policy="threshold:.7").forecast_threshold == 0.7
    assert DeployOptions(policy="never").forecast_threshold == 0.55
    assert vars(DeployOptions(policy="adwin").decides(5)) == {"name": "adwin", "cooldown": 5, "repeat": True}
    assert vars(DeployOptions(policy="evidence").decides(5)) == {"name": "harm", "cooldown": 5, "repeat": False}


def test_every_declaration_is_in_the_registry() -> None:
    folder = Path(policies.__file__).parent
    assert sum(path.read_text().count("= PolicyDeclaration(") for path in folder.glob("*.py")) == len(DECLARED)
    for entry in DECLARED.values():
        assert entry.help
        assert len(entry.form.split(":")) == 1 + len(entry.parameters)


def test_a_new_policy_needs_its_declaration_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class First(Never):
        """Retrain after the first blocks."""

        def __init__(self, blocks: int) -> None:
            self.blocks = blocks
            self.name = f"first:{blocks}"

        def decide(self, history: History) -> Decision:
            """Count."""
            return Decision(False, history.blocks[-1].index < self.blocks, "one of the first", {})

    entry = PolicyDeclaration(
        "first",
        "after the first N blocks",
        lambda settings, n: First(int(n)),
        (PolicyParameter("N", "blocks", 1, low=1),),
    )
    monkeypatch.setitem(POLICIES, "first", entry)
    monkeypatch.setitem(DECLARED, "first", entry)
    assert deployed("first:2", tmp_path / "new").progress.retrained_at == [0, 1]
    stream = Stream(replayed.moving_table(), replayed.START, replayed.SIZE)
    versions = ReplayVersions(stream.table, replayed.fit, family="threshold", cache=None)
    results = compare_policies(stream, versions, ["first:2"], seeds=(0,), window_rows=100)
    assert [retrain.block for retrain in results.outcomes[0].run.retrains] == [0, 1]
    for deploy in (False, True):
        assert "first:N: after the first N blocks (default N 1)" in policy_lines(deployed=deploy)
    assert any("`first:N`" in line for line in policy_table())


@pytest.mark.parametrize("command", ["deploy", "replay"])
def test_the_help_of_a_command_lists_every_policy(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drift", command, "--help"], capture_output=True, text=True, check=True, timeout=240
    )
    shown = done.stdout.partition("Policies:")[2]
    for entry in {id(entry): entry for entry in POLICIES.values()}.values():
        expected = entry.form if entry.name in DECLARED else entry.name
        assert (expected in shown) == (command == "replay" or not entry.replay_only)


def test_a_policy_that_does_not_fit_the_blocks_is_refused() -> None:
    options = DeployOptions(policy="spaced:4")
    assert options.decides(5).name == "spaced:4"
    with pytest.raises(UsageError, match="expected spaced:R below the number of blocks, which is 4; got 4"):
        options.decides(4)
    assert PolicySettings(3).blocks == 3
