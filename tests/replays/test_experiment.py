"""Policies compared on a stream whose change is known."""

import json
from pathlib import Path
from statistics import mean

import pytest
from typer.testing import CliRunner

from drift.cli import app
from drift.commands.options import write_json
from drift.detect import ESTIMATORS
from drift.errors import UsageError
from drift.loop.advice.threshold_advice import threshold_advice
from drift.policies.parser import parse_policy
from drift.policies.protocol import PolicySettings
from drift.replays import library
from drift.replays.experiment import ReplayResults, compare_policies
from drift.replays.library import ReplayResult
from drift.replays.logged import log_results
from drift.replays.play import Stream
from drift.replays.summary import policy_advice, summarise, table_lines
from drift.replays.versions import ReplayVersions
from drift.report.replay import write_replay
from drift.tracking.runs.lookup import find_runs
from drift.tracking.runs.open_runs import LoggedMetric, open_run
from tests.projects.test_tracked import documented
from tests.replays.test_play import SIZE, START, fit, moving_table
from tests.stores import fresh_store

NAMES = ("never", "every:2", "spaced:3", "cost:10", "harm", "hddm_w", "oracle:1", "oracle:3")


@pytest.mark.parametrize(
    ("given", "words"), [((), "taken: never"), (("--policies", "never,spaced:10"), "is 9; got 10")]
)
def test_a_part_is_replayed_without_naming_policies(
    given: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a list that a person typed is refused, not changed."""

    def compare(stream: Stream, versions: ReplayVersions, names: list[str], **options: object) -> ReplayResults:
        for name in names:
            parse_policy(name).policy(PolicySettings(len(stream.blocks), hindsight=lambda retrains: ()))
        raise UsageError(f"taken: {','.join(names)}")

    fresh_store(tmp_path, monkeypatch)
    monkeypatch.setattr(library, "compare_policies", compare)
    done = CliRunner().invoke(app, ["replay", "--test_data_rows", "3000", *given])
    assert words in done.output


@pytest.fixture(scope="module")
def results() -> ReplayResults:
    stream = Stream(moving_table(), START, SIZE)
    versions = ReplayVersions(stream.table, fit, family="threshold", cache=None)
    return compare_policies(stream, versions, NAMES, seeds=(0, 1), window_rows=100)


def test_nobody_beats_hindsight(results: ReplayResults) -> None:
    for seed in (0, 1):
        schedules = results.oracles[seed]
        for name in results.names:
            (outcome,) = [one for one in results.of(name) if one.run.seed == seed]
            retrains = len(outcome.run.retrains)
            right = sum(block.correct for block in outcome.run.blocks)
            assert right <= schedules[min(retrains, len(schedules) - 1)].correct
    assert results.recovered("oracle:3") == pytest.approx(1)
    assert results.recovered("never") is None  # nothing was to be gained without a retrain
    assert results.accuracy("oracle:1")[0] > results.accuracy("never")[0] + 0.1


def test_a_record_holds_what_is_promised(results: ReplayResults) -> None:
    record = results.of("harm")[0].record
    assert {"policy", "seed", "retrains", "accuracy", "kappa_temporal", "alarms", "seconds"} <= set(record)
    assert json.loads(json.dumps(record)) == record
    assert (record["policy"], record["seed"]) == ("harm", 0)


def test_thresholds_that_flag_every_block_are_warned_of_once_each() -> None:
    """By the accuracy of each version on its first block, whatever the seed and the window around the policy."""
    stream = Stream(moving_table(), START, SIZE)
    versions = ReplayVersions(stream.table, fit, family="threshold", cache=None)
    names = ("never", "threshold:1", "threshold:1@change", "forecast:3:1+recall", "threshold:.1", "oracle:1")
    found = compare_policies(stream, versions, names, seeds=(0, 1), window_rows=100)
    advice = policy_advice(found)
    assert [one.policy for one in advice] == ["threshold:1", "threshold:1@change", "forecast:3:1+recall"]
    for one in advice:
        played = [outcome.run for outcome in found.of(one.policy)]
        trained = [{block.version: block for block in reversed(made.blocks)} for made in played]
        assert one.of == sum(map(len, trained))
        assert one.versions == sum(
            threshold_advice(1.0, block.accuracy, SIZE) is not None for made in trained for block in made.values()
        )
        assert one.words.startswith(
            f"warning: policy {one.policy}, {one.versions} of {one.of} versions: the threshold of 1"
        )
        assert "--threshold_accuracy" not in one.words


def test_the_table_and_the_page_say_the_same(results: ReplayResults, tmp_path: Path) -> None:
    text = list(table_lines(results))
    assert len(text) == len(NAMES) + 2
    summary = summarise(results)
    assert str(ReplayResult(results, summary, [], None)).splitlines() == text
    order = [line.name for line in summary.policies]
    assert [line.split()[0] for line in text[1:-1]] == order
    page = write_replay(results, summary, tmp_path / "page.html").read_text()
    assert all(name in page for name in NAMES)
    assert "http-equiv" in page
    assert all(made.fails_when in page for made in ESTIMATORS.values())
    best = max((line for line in summary.policies if not line.hindsight), key=lambda line: line.accuracy)
    assert f"<b>{best.name}</b> was right most often" in page


def test_the_file_of_numbers_has_what_the_page_shows(results: ReplayResults, tmp_path: Path) -> None:
    summary = summarise(results)
    write_json(tmp_path / "numbers.json", {}, [], **summary.record)
    written = json.loads((tmp_path / "numbers.json").read_text())
    assert [line["name"] for line in written["policies"]] == [line.name for line in summary.policies]
    assert {"recovered", "delay", "false_alarms", "kappa"} <= set(written["policies"][0])
    assert len(written["risk"]["intervals"]) == len(results.stream.blocks)
    assert written["risk"]["policy"] == next(line.name for line in summary.policies if not line.hindsight)
    assert written["hindsight"] == sorted(written["hindsight"])
    assert written["displacement"] is None
    methods = {track["method"]: track for track in written["estimates"]["tracks"]}
    assert set(methods) == set(ESTIMATORS)
    assert all({"bias", "mean_absolute_error", "coverage", "told"} <= set(track) for track in methods.values())


def test_mlflow_has_a_child_for_each_policy(
    results: ReplayResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fresh_store(tmp_path, monkeypatch)
    page = write_replay(results, summarise(results), tmp_path / "page.html")
    parent = log_results(results, store, "replays", options={"block_size": SIZE}, page=page)
    children = find_runs(store, "replays", kind="policy")
    assert {run.tags["drift.policy"] for run in children} == set(NAMES)
    assert all(run.tags["mlflow.parentRunId"] == parent for run in children)
    harm = next(run for run in children if run.tags["drift.policy"] == "harm")
    assert harm.metrics["accuracy"] == pytest.approx(results.accuracy("harm")[0])
    steps = [store.client.get_metric_history(harm.id, key) for key in ("test_accuracy", "block/accuracy")]
    by_block = [[(point.step, point.value) for point in sorted(one, key=lambda p: p.step)] for one in steps]
    played = [outcome.run.blocks for outcome in results.of("harm")]
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
        run.batch(
            {"policy": "p"}, [LoggedMetric("block/accuracy", step / 2_500, step) for step in range(2_500)], "many"
        )
    found = store.client.get_metric_history(run.id, "block/accuracy")
    assert sorted(point.step for point in found) == list(range(2_500))
