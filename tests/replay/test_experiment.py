"""Policies by name, and their comparison on a stream whose change is known."""

import json
from pathlib import Path
from statistics import mean

import pytest
from typer.testing import CliRunner

from drift.cli import app
from drift.commands.replaying import POLICIES
from drift.detect import DETECTORS, ESTIMATORS, STREAMING
from drift.errors import UsageError
from drift.loop.policies import CostAware, Every, ForecastBelow, Never, OnAlarm, SinceChange, Spaced, Window
from drift.loop.threshold_advice import threshold_advice
from drift.replay import experiment
from drift.replay.contenders import contender, lowered, oracle_retrains
from drift.replay.experiment import Results, compare_policies
from drift.replay.logged import log_results
from drift.replay.play import Stream
from drift.replay.text import table_lines
from drift.replay.thresholds import policy_advice
from drift.replay.versions import Versions
from drift.report.replay import lines, write_replay
from drift.tracking.found import find_runs
from drift.tracking.runs import Metric, open_run
from tests.projects.test_tracked import documented
from tests.replay.test_play import SIZE, START, fit, moving_table
from tests.stores import fresh_store

NAMES = ("never", "every:2", "spaced:3", "cost:10", "harm", "hddm_w", "oracle:1", "oracle:3")


def test_names_are_policies() -> None:
    made = {name: contender(name, 20) for name in ("never", "every:4", "spaced:5", "cost:90", "threshold:.8")}
    assert isinstance(made["never"].policy, Never)
    assert isinstance(made["every:4"].policy, Every)
    assert isinstance(made["spaced:5"].policy, Spaced)
    assert isinstance(made["cost:90"].policy, CostAware)
    assert made["threshold:.8"].detector is None
    for name in [*DETECTORS, *STREAMING]:
        found = contender(name, 20)
        assert isinstance(found.policy, OnAlarm)
        assert vars(found)["detector"] is {**DETECTORS, **STREAMING}[name]
    windowed = contender("every:4@2016+mix", 20)
    assert isinstance(windowed.policy, Window)
    assert (windowed.policy.rows, windowed.policy.name, windowed.answering.name) == (2016, "every:4@2016", "mix")
    since = contender("harm@change", 20)
    assert isinstance(since.policy, SinceChange)
    assert since.detector is STREAMING["harm"]
    assert (oracle_retrains("oracle:7"), oracle_retrains("oracle"), oracle_retrains("never")) == (7, 10, None)


@pytest.mark.parametrize(
    ("name", "blocks", "threshold"),
    [("forecast", 3, 0.7), ("forecast:5", 5, 0.7), ("forecast:5:.62", 5, 0.62), ("forecast:5:.62@2016+mix", 5, 0.62)],
)
def test_forecast_policies_are_named_with_their_threshold(name: str, blocks: int, threshold: float) -> None:
    policy = contender(name, 20).policy
    if isinstance(policy, Window):
        policy = policy.policy
    assert isinstance(policy, ForecastBelow)
    assert (policy.blocks, policy.threshold) == (blocks, threshold)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sometimes", "expected policies among never, every"),
        ("every:often", "expected every:K, after every K blocks; got 'every:often'"),
        ("never:3", "expected never without a value"),
        ("harm:3", "expected policies among"),
        ("every:0", "expected to retrain every 1 block or more"),
        ("every:nan", "expected every:K"),
        ("spaced:2.5", "expected spaced:R"),
        ("spaced:1000", "of 20 blocks"),
        ("threshold:70", "0 to 1"),
        ("cost:inf", "expected cost:N"),
        ("forecast:0", "expected forecast:BLOCKS, a whole number from 1 to 50"),
        ("forecast:3:70", "expected forecast:BLOCKS:ACCURACY, such as forecast:3:.7"),
        ("forecast:3:", "expected forecast:BLOCKS:ACCURACY, such as forecast:3:.7"),
        ("forecast:.7", "expected forecast:BLOCKS, a whole number from 1 to 50"),
        ("every:4@lately", "expected every:4 with @change, @ROWS"),
        ("every:4@0", "expected every:4 with @change, @ROWS"),
    ],
)
def test_other_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        contender(name, 20)
    with pytest.raises(UsageError, match="expected oracle:R"):
        oracle_retrains("oracle:many")
    with pytest.raises(UsageError, match="0 or more"):
        oracle_retrains("oracle:-1")


@pytest.mark.parametrize("blocks", [1, 2, 4, 5, 9, 10, 11, 12, 132])
def test_the_default_list_fits_every_stream(blocks: int) -> None:
    names = POLICIES.split(",")
    fitting = lowered(names, blocks)
    for name in fitting:
        retrains = oracle_retrains(name)
        if retrains is None:
            contender(name, blocks)
        else:
            assert retrains < blocks
    if blocks > 10:
        assert fitting == names
    assert {"never", "threshold:.7", "harm", "adwin"} <= set(fitting)


def test_numbers_of_retrains_are_those_that_the_stream_allows() -> None:
    names = ["never", "every:4", "spaced:10", "spaced:10+mix", "spaced:10@500+mix", "harm@change", "oracle:10"]
    assert lowered(names, 9) == [
        "never",
        "every:4",
        "spaced:8",
        "spaced:8+mix",
        "spaced:8@500+mix",
        "harm@change",
        "oracle:8",
    ]
    assert lowered(["spaced:10", "spaced:8", "every:4"], 3) == ["spaced:2", "every:2"]


@pytest.mark.parametrize(("given", "words"), [((), "taken: never"), (("--policies", "never,spaced:10"), "of 9 blocks")])
def test_a_part_is_replayed_without_naming_policies(
    given: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a list that a person typed is refused, not changed."""

    def compare(stream: Stream, versions: Versions, names: list[str], **options: object) -> Results:
        for name in names:
            if oracle_retrains(name) is None:
                contender(name, len(stream.blocks))
        raise UsageError(f"taken: {','.join(names)}")

    fresh_store(tmp_path, monkeypatch)
    monkeypatch.setattr(experiment, "compare_policies", compare)
    done = CliRunner().invoke(app, ["replay", "--test_data_rows", "3000", *given])
    assert words in done.output


@pytest.fixture(scope="module")
def results() -> Results:
    stream = Stream(moving_table(), START, SIZE)
    versions = Versions(stream.table, fit, family="threshold", cache=None)
    return compare_policies(stream, versions, NAMES, seeds=(0, 1), window_rows=100, hindsight=True)


def test_nobody_beats_hindsight(results: Results) -> None:
    for seed in (0, 1):
        schedules = results.oracles[seed]
        for name in results.names:
            (outcome,) = [one for one in results.of(name) if one.played.seed == seed]
            retrains = len(outcome.played.retrains)
            right = sum(block.correct for block in outcome.played.blocks)
            assert right <= schedules[min(retrains, len(schedules) - 1)].correct
    assert results.recovered("oracle:3") == pytest.approx(1)
    assert results.recovered("never") is None  # nothing was to be gained without a retrain
    assert results.accuracy("oracle:1")[0] > results.accuracy("never")[0] + 0.1


def test_a_record_holds_what_is_promised(results: Results) -> None:
    record = results.of("harm")[0].record
    assert {"policy", "seed", "retrains", "accuracy", "kappa_temporal", "alarms", "seconds"} <= set(record)
    assert json.loads(json.dumps(record)) == record
    assert (record["policy"], record["seed"]) == ("harm", 0)


def test_thresholds_that_flag_every_block_are_warned_of_once_each() -> None:
    """By the accuracy of each version on its first block, whatever the seed and the window around the policy."""
    stream = Stream(moving_table(), START, SIZE)
    versions = Versions(stream.table, fit, family="threshold", cache=None)
    names = ("never", "threshold:1", "threshold:1@change", "forecast:3:1+recall", "threshold:.1", "oracle:1")
    found = compare_policies(stream, versions, names, seeds=(0, 1), window_rows=100, hindsight=True)
    advice = policy_advice(found)
    assert [one.policy for one in advice] == ["threshold:1", "threshold:1@change", "forecast:3:1+recall"]
    for one in advice:
        played = [outcome.played for outcome in found.of(one.policy)]
        trained = [{block.version: block for block in reversed(made.blocks)} for made in played]
        assert one.of == sum(map(len, trained))
        assert one.versions == sum(
            threshold_advice(1.0, block.accuracy, SIZE) is not None for made in trained for block in made.values()
        )
        assert one.words.startswith(
            f"warning: policy {one.policy}, {one.versions} of {one.of} versions: the threshold of 1"
        )
        assert "--threshold_accuracy" not in one.words


def test_the_table_and_the_page_say_the_same(results: Results, tmp_path: Path) -> None:
    text = list(table_lines(results))
    assert len(text) == len(NAMES) + 2
    order = [line.name for line in lines(results)]
    assert [line.split()[0] for line in text[1:-1]] == order
    page = write_replay(results, tmp_path / "page.html").read_text()
    assert all(name in page for name in NAMES)
    assert "http-equiv" in page
    assert all(made.fails_when in page for made in ESTIMATORS.values())
    best = max((line for line in lines(results) if not line.hindsight), key=lambda line: line.accuracy)
    assert f"<b>{best.name}</b> was right most often" in page


def test_mlflow_has_a_child_for_each_policy(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fresh_store(tmp_path, monkeypatch)
    page = write_replay(results, tmp_path / "page.html")
    parent = log_results(results, store, "replays", options={"block_size": SIZE}, page=page)
    children = find_runs(store, "replays", kind="policy")
    assert {run.tags["drift.policy"] for run in children} == set(NAMES)
    assert all(run.tags["mlflow.parentRunId"] == parent for run in children)
    harm = next(run for run in children if run.tags["drift.policy"] == "harm")
    assert harm.metrics["accuracy"] == pytest.approx(results.accuracy("harm")[0])
    steps = [store.client.get_metric_history(harm.id, key) for key in ("test_accuracy", "block/accuracy")]
    by_block = [[(point.step, point.value) for point in sorted(one, key=lambda p: p.step)] for one in steps]
    played = [outcome.played.blocks for outcome in results.of("harm")]
    assert by_block[0] == by_block[1]
    same = zip(*played, strict=True)
    assert by_block[0] == [(one[0].index, pytest.approx(mean(block.accuracy for block in one))) for one in same]
    assert (harm.params["policy"], harm.params["seeds"]) == ("harm", "2")
    for run in children:
        note = run.tags["mlflow.note.content"]
        assert note.startswith(f"Policy `{run.tags['drift.policy']}` on rows {START} to ")
        assert f"accuracy {run.metrics['accuracy']:.4f} with" in note
    whole = store.client.get_run(parent)
    assert f"Replay of rows {START} to" in whole.data.tags["mlflow.note.content"]
    assert whole.data.params["data/fit_rows"] == f"0 to {START - 1}"
    assert whole.data.params["data/scored_rows"] == f"{START} to {len(results.stream.table) - 1}"
    assert whole.data.params["data/sha256"] == results.stream.table.digest()
    (data,) = whole.inputs.dataset_inputs
    assert data.dataset.digest == results.stream.table.digest(results.stream.rows)[:32]
    assert set(whole.data.params) <= set(documented("parameter")["replay"])
    assert set(whole.data.metrics) == set(documented("metric")["replay"])
    for title, logged in (("parameter", harm.params), ("metric", harm.metrics)):
        assert set(logged) <= set(documented(title)["policy"])
        assert {key for key, needed in documented(title)["policy"].items() if needed} <= set(logged)


def test_many_blocks_are_logged_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More points than one request takes: none is lost."""
    store = fresh_store(tmp_path, monkeypatch)
    with open_run(store, "replays", name="p", kind="policy") as run:
        run.batch({"policy": "p"}, [Metric("block/accuracy", step / 2_500, step) for step in range(2_500)], "many")
    found = store.client.get_metric_history(run.id, "block/accuracy")
    assert sorted(point.step for point in found) == list(range(2_500))
