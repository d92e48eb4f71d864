"""Which base run a deployment takes, with runs in a real MLflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import TrackingError
from drift.loop import deploy as deploying
from drift.loop.card import Card, DataSource
from drift.loop.events import Notice
from drift.loop.options import DeployOptions
from drift.loop.releases import candidate as module
from drift.loop.releases.candidate import Candidate, find_candidate, table_tags
from drift.loop.retraining.challenge import last_row_seen
from drift.tracking.connection.store import Store
from drift.tracking.registry import Registry, Version
from drift.tracking.runs.lookup import RunRecord
from tests.stores import fresh_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return fresh_store(tmp_path, monkeypatch)


def base(
    store: Store, experiment: str, accuracy: float, *, source: str = "elec", digest: str = "d", **more: str
) -> str:
    """A base run as training leaves it."""
    tags = {"drift.kind": "base", "drift.source": source, "drift.digest": digest, "drift.model_id": "m-1"} | {
        f"drift.{name}": value for name, value in more.items()
    }
    run = store.client.create_run(store.experiment_id(experiment, create=True), tags=tags).info.run_id
    store.client.log_metric(run, "reference/accuracy", accuracy)
    store.client.set_terminated(run)
    return str(run)


def test_the_named_experiment_comes_first(store: Store) -> None:
    own = base(store, "drift", 0.6)
    base(store, "drift1", 0.9)
    candidate = find_candidate(Registry(store, "m"), "drift", None)
    assert (candidate.run.id, candidate.elsewhere, candidate.experiment) == (own, False, "drift")


@pytest.mark.parametrize("named", ["never made", "without a base"])
def test_else_the_best_of_all_experiments(store: Store, named: str) -> None:
    """On the rows of the newest run, whatever other runs reached on other rows."""
    store.experiment_id("without a base", create=True)
    base(store, "other rows", 0.99, digest="older")
    base(store, "drift1", 0.6)
    best = base(store, "drift2", 0.7)
    base(store, "drift3", 0.65)
    candidate = find_candidate(Registry(store, "m"), named, None)
    assert (candidate.run.id, candidate.experiment, candidate.compared) == (best, "drift2", 3)
    assert candidate.elsewhere
    assert candidate.words == "best of 3 base runs of experiment drift2, validation accuracy 0.700"


def test_runs_of_several_tables_are_refused_and_listed(store: Store) -> None:
    base(store, "drift1", 0.6)
    base(store, "shop", 0.7, source="/data/sales.csv", label="returned", digest="s")
    base(store, "shop too", 0.8, source="/data/sales.csv", label="paid", digest="t")
    with pytest.raises(TrackingError) as error:
        find_candidate(Registry(store, "m"), "drift", None)
    text = str(error.value)
    assert "those of other experiments are of 3 tables" in text
    assert "elec in experiment 'drift1'" in text
    assert "/data/sales.csv (label returned) in experiment 'shop'" in text
    assert "/data/sales.csv (label paid) in experiment 'shop too'" in text
    assert "drift deploy --mlflow_experiment_name" in text


def test_a_named_table_chooses_among_them(store: Store) -> None:
    base(store, "drift1", 0.6)
    mine = base(store, "shop", 0.7, source="/data/sales.csv", label="returned", digest="s")
    base(store, "shop", 0.8, source="/data/sales.csv", label="paid", digest="t")
    source = DataSource("/data/sales.csv", "returned")
    assert find_candidate(Registry(store, "m"), "drift", source).run.id == mine


SALES = DataSource("/data/sales.csv", "returned", "sold_at", ("key", "note"))


def test_a_named_table_has_its_time_and_ignored_columns(store: Store) -> None:
    """A newer base run of the same file and label has other columns, whichever experiment is named."""
    mine = base(store, "shop", 0.6, digest="s", **table_tags(SALES))
    for n, other in enumerate((replace(SALES, time=None), replace(SALES, ignore=("key",)))):
        base(store, "shop", 0.9, digest=f"o{n}", **table_tags(other))
    for experiment in ("shop", "nowhere"):
        named = replace(SALES, ignore=("note", "key"))  # in any order
        assert find_candidate(Registry(store, "m"), experiment, named).run.id == mine
    with pytest.raises(TrackingError, match="those of other experiments are of 3 tables") as error:
        find_candidate(Registry(store, "m"), "nowhere", None)
    assert "/data/sales.csv (label returned, time sold_at, without key, note) in experiment 'shop'" in str(error.value)
    assert str(error.value).endswith(
        "name one, such as: drift deploy --mlflow_experiment_name shop --register_model_name m --data /data/sales.csv"
        " --label returned --time sold_at --ignore key,note"
    )


def test_columns_that_no_base_run_has_are_answered_with_those_there_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = {"m-1": table_card(Path("/data/sales.csv"), ("x", "hour"), "returned")}
    monkeypatch.setattr(module, "model_card", lambda store, model_id: cards[model_id].to_metadata())
    table = SimpleNamespace(feature_names=("x",))
    monkeypatch.setattr(DataSource, "load", lambda source: table)
    mine = base(store, "shop", 0.6, digest="s", **table_tags(SALES))
    plain = DataSource("/data/sales.csv", "returned")
    with pytest.raises(TrackingError) as error:
        find_candidate(Registry(store, "m"), "shop", plain)
    assert "no finished base model of /data/sales.csv (label returned), and no other experiment" in str(error.value)
    assert "there are base models of /data/sales.csv (label returned, time sold_at, without key, note)" in str(
        error.value
    )
    assert str(error.value).endswith("--label returned --time sold_at --ignore key,note")
    table.feature_names = ("x", "hour")  # such as after an ignored column was removed from the file
    assert find_candidate(Registry(store, "m"), "shop", plain).run.id == mine


def test_columns_of_an_older_base_run_are_in_its_card(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that older versions of this package made have neither time nor ignored columns in their tags."""
    cards = {
        "m-1": replace(table_card(None), source=SALES),
        "m-2": table_card(Path("/data/sales.csv"), label="returned"),
    }
    monkeypatch.setattr(module, "model_card", lambda store, model_id: cards[model_id].to_metadata())
    old = {"source": "/data/sales.csv", "label": "returned"}
    mine = base(store, "shop", 0.6, digest="s", model_id="m-1", **old)
    newer = base(store, "shop", 0.9, digest="t", model_id="m-2", **old)
    assert find_candidate(Registry(store, "m"), "nowhere", SALES).run.id == mine
    assert find_candidate(Registry(store, "m"), "nowhere", DataSource("/data/sales.csv", "returned")).run.id == newer
    with pytest.raises(TrackingError, match="are of 2 tables"):
        find_candidate(Registry(store, "m"), "nowhere", None)


def test_runs_without_a_label_tag_are_of_the_same_table(store: Store) -> None:
    old = base(store, "shop", 0.9, source="/data/sales.csv", digest="s")
    base(store, "shop too", 0.7, source="/data/sales.csv", label="returned", digest="s")
    assert find_candidate(Registry(store, "m"), "drift", None).run.id == old


def test_without_any_base_run_the_training_is_named(store: Store) -> None:
    with pytest.raises(TrackingError, match=r"train one first: drift base --mlflow_experiment_name 'my runs'$"):
        find_candidate(Registry(store, "m"), "my runs", None)


def test_runs_of_deleted_experiments_are_not_taken(store: Store) -> None:
    base(store, "gone", 0.9)
    store.client.delete_experiment(store.experiment_id("gone"))
    with pytest.raises(TrackingError, match="no other experiment has one"):
        find_candidate(Registry(store, "m"), "drift", None)


def table_card(path: Path | None, names: tuple[str, ...] = ("x",), label: str | None = "class") -> Card:
    source = DataSource(None if path is None else str(path), None if path is None else label)
    return Card(names, ("no", "yes"), {}, (0, 90), (90, 100), "", source)


class Serving:
    """Cards by model id, and version 1 as champion, made from ELEC by a base run that was deleted."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch, **cards: Card) -> None:
        gone = base(store, "drift", 0.7, model_id="champion")
        store.client.delete_run(gone)
        self.version = Version(1, gone, "champion", "s", {})
        self.registry = Registry(store, "m")
        cards = {"champion": table_card(None)} | cards
        monkeypatch.setattr(self.registry, "holder", lambda alias: self.version)
        monkeypatch.setattr(self.registry, "versions", lambda: [self.version])
        monkeypatch.setattr(module, "card_of", lambda registry, version: cards[version.model_id])
        monkeypatch.setattr(module, "model_card", lambda store, model_id: cards[model_id].to_metadata())


@pytest.mark.parametrize("tables", [1, 2])
def test_a_champion_without_its_base_run_serves_on(store: Store, monkeypatch: pytest.MonkeyPatch, tables: int) -> None:
    """Whatever other tables have base runs elsewhere."""
    serving = Serving(store, monkeypatch)
    for n in range(tables):
        base(store, f"shop {n}", 0.9, source=f"/data/{n}.csv", label="class", digest=str(n), model_id="other")
    candidate = find_candidate(serving.registry, "drift", None)
    assert candidate.champion == candidate.registered == serving.version
    assert (candidate.run.id, candidate.elsewhere) == (serving.version.run_id, False)


def test_base_runs_elsewhere_must_be_of_the_champion_s_table(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file with other columns is another table, too."""
    serving = Serving(store, monkeypatch, same=table_card(None), narrower=table_card(None, ("y",)))
    base(store, "shop", 0.9, source="/data/sales.csv", label="class", digest="s", model_id="other")
    base(store, "narrow", 0.8, digest="n", model_id="narrower")
    assert find_candidate(serving.registry, "drift", None).registered == serving.version
    mine = base(store, "drift2", 0.6, digest="e", model_id="same")
    base(store, "narrow", 0.8, digest="n", model_id="narrower")
    candidate = find_candidate(serving.registry, "drift", None)
    assert (candidate.run.id, candidate.experiment, candidate.elsewhere) == (mine, "drift2", True)


def test_a_named_table_that_is_not_the_champion_s_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = Serving(store, monkeypatch, other=table_card(Path("/data/sales.csv")))
    base(store, "shop", 0.9, source="/data/sales.csv", label="class", digest="s", model_id="other")
    with pytest.raises(TrackingError, match="deploy it under another --register_model_name"):
        find_candidate(serving.registry, "drift", DataSource("/data/sales.csv", "class"))


@pytest.mark.parametrize("named", [False, True])
def test_a_model_of_another_label_is_refused_with_a_name(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: bool
) -> None:
    """The same file and features with another label column answer another question: nothing can be compared."""
    (tmp_path / "two.csv").write_text("x,a,b\n")
    path = tmp_path / "two.csv"
    serving = Serving(store, monkeypatch, champion=table_card(path, label="a"), other=table_card(path, label="b"))
    base(store, "drift", 0.9, source=str(path), label="b", digest="b", model_id="other")
    source = DataSource(str(path), "b") if named else None
    with pytest.raises(TrackingError) as error:
        find_candidate(serving.registry, "drift", source)
    assert f"1 features of {path} (label a), the best base run of 'drift' from 1 features of {path} (label b)" in str(
        error.value
    )
    assert str(error.value).endswith(
        f"such as: drift deploy --mlflow_experiment_name drift --register_model_name two_model --data {path} --label b"
    )


def test_a_champion_does_not_stand_in_for_another_label(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A table that is named with another label has no base run, whatever serves."""
    serving = Serving(store, monkeypatch, champion=table_card(tmp_path / "two.csv", label="a"))
    with pytest.raises(TrackingError, match="no finished base model"):
        find_candidate(serving.registry, "drift", DataSource(str(tmp_path / "two.csv"), "b"))


@pytest.mark.parametrize(
    ("label", "classes", "same"),
    [
        ("class", ("no", "yes"), True),
        ("class", ("yes", "no"), True),  # coded in another order, which `Card.fit_to` takes care of
        ("class", ("no", "yes", "late"), True),  # a class that came with later rows
        ("class", ("0", "1"), False),
        ("other", ("no", "yes"), False),
    ],
)
def test_one_table_has_one_label_and_one_set_of_classes(label: str, classes: tuple[str, ...], same: bool) -> None:
    mine, other = table_card(Path("/data/t.csv")), table_card(Path("/data/t.csv"), label=label)
    other = replace(other, classes=classes)
    assert mine.of_same_table(other) is other.of_same_table(mine) is same


def test_rows_scored_with_another_label_have_no_labels_here() -> None:
    """A retrain learns from rows whose labels are known: those of its own label column."""
    ends = {"class": 200, "other": 300}
    made = [SimpleNamespace(id=label, options={"source": {"path": "/data/t.csv", "label": label}}) for label in ends]
    journal: Any = SimpleNamespace(
        deployments=lambda model: made, blocks=lambda deployment: [SimpleNamespace(stop=ends[deployment])]
    )
    for label, stop in ends.items():
        assert last_row_seen(journal, "m", table_card(Path("/data/t.csv"), label=label)) == stop


def test_a_table_is_recognised_after_its_project_moved(store: Store, tmp_path: Path) -> None:
    """A base run of before the move is of the same table as the file that is named now, and as a later run."""
    (tmp_path / "stream.csv").write_text("x,class\n")
    now = DataSource(str(tmp_path / "stream.csv"), "class")
    old = base(store, "drift", 0.9, source="/old/stream.csv", label="class")
    assert find_candidate(Registry(store, "m"), "drift", now).run.id == old
    base(store, "drift", 0.8, source=str(now.path), label="class")
    assert find_candidate(Registry(store, "m"), "drift", now).run.id == old
    assert find_candidate(Registry(store, "m"), "another experiment", None).run.id == old


def test_another_file_of_the_moved_project_is_another_table(store: Store, tmp_path: Path) -> None:
    for name in ("stream.csv", "other.csv"):
        (tmp_path / name).write_text("x,class\n")
    base(store, "drift", 0.9, source="/old/stream.csv", label="class")
    with pytest.raises(TrackingError, match="no finished base model of"):
        find_candidate(Registry(store, "m"), "drift", DataSource(str(tmp_path / "other.csv"), "class"))


def test_words_of_a_candidate_name_no_accuracy_that_is_unknown() -> None:
    version = Version(3, "run3", "m3", "0" * 64, {})
    run = RunRecord("run3", "FINISHED", {}, {}, {"drift.model_id": "m3"})
    kept = Candidate(run, "drift", registered=version, champion=version, compared=0, elsewhere=False)
    assert kept.words == "version 3, of whose table there is no base run"
    unmeasured = Candidate(run, "drift", registered=None, champion=None, compared=1, elsewhere=False)
    assert unmeasured.words == "base run of experiment drift"


@pytest.mark.parametrize("registered", [False, True])
def test_a_newest_run_that_is_passed_over_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, registered: bool
) -> None:
    registry = Registry(store, "m")
    only = base(store, "shop", 0.865)
    assert find_candidate(registry, "shop", None).newer is None
    newest = base(store, "shop", 0.8421)
    if registered:
        monkeypatch.setattr(registry, "versions", lambda: [Version(1, only, "m-1", "s", {})])
    candidate = find_candidate(registry, "shop", None)
    assert candidate.newer is not None
    assert candidate.taken_words == (
        f"taking run {only}{' (version 1)' if registered else ''}, best of 2 base runs of experiment shop,"
        f" validation accuracy 0.865; the newest one, {newest}, has 0.842 on the same rows"
    )
    better = base(store, "shop", 0.9)
    candidate = find_candidate(registry, "shop", None)
    assert (candidate.run.id, candidate.newer) == (better, None)


def test_deploy_says_that_the_newest_run_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else is done, and nothing where the newest run is the one that is taken."""
    runs = [RunRecord(name, "FINISHED", {"reference/accuracy": 0.7}, {}, {}) for name in ("best", "newest")]
    for newer in (runs[1], None):
        told: list[object] = []
        candidate = Candidate(runs[0], "drift", None, None, compared=2, elsewhere=False, newer=newer)
        monkeypatch.setattr(deploying, "find_candidate", lambda *args, found=candidate, **more: found)
        world: Any = SimpleNamespace(registry=lambda name: None, server={}, tell=told.append)
        with pytest.raises(AttributeError):  # there is no MLflow, which is asked for the run's model next
            deploying.deploy(world, DeployOptions())
        assert [str(event) for event in told] == ([str(Notice(candidate.taken_words))] if newer else [])
