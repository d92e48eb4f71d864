"""Preprocessing that cannot blow up, one fitting loop, one search that survives."""

from pathlib import Path

import numpy as np
import pytest
import torch

from drift.data.blocks import Rows
from drift.errors import StateError, TrainingError
from drift.models.fit import Epoch, FitOptions, fit
from drift.models.network import Shape, TableNet
from drift.models.quantiles import fit_quantile_ranks
from drift.models.search import NumberChoice, NumberRange, Search, Status, Trial

OPTIONS = FitOptions(learning_rate=1e-2, weight_decay=1e-4, batch_size=64, max_epochs=5, seed=0)


def problem(n: int = 2_000, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 4)).astype(np.float32)
    return Rows(features, (features[:, 0] * features[:, 1] > 0).astype(np.int64))


def naive_rank(train: np.ndarray, value: float, knots: int) -> float:
    """The same curve, by NumPy's own interpolation over distinct quantiles at their mean position."""
    quantiles, positions = np.quantile(train, np.linspace(0, 1, knots)).astype(np.float32), np.linspace(-1, 1, knots)
    distinct = np.unique(quantiles)
    if len(distinct) == 1:
        return 0.0
    return float(np.interp(value, distinct, [positions[quantiles == q].mean() for q in distinct]))


def test_ranks_equal_a_naive_twin() -> None:
    rng = np.random.default_rng(0)
    train = np.column_stack([rng.normal(size=500), rng.integers(0, 4, 500), np.exp(3 * rng.normal(size=500))])
    train = train.astype(np.float32)
    probe = np.concatenate([train[:50], train[:50] + 0.3, train.min(0)[None] - 5, train.max(0)[None] + 5])
    ours = fit_quantile_ranks(train)(torch.from_numpy(probe)).numpy()
    theirs = [[naive_rank(train[:, j], value, 65) for j, value in enumerate(row)] for row in probe]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_feature_that_was_constant_says_nothing_for_ever() -> None:
    train = np.column_stack([np.linspace(0, 1, 200), np.full(200, 0.42)]).astype(np.float32)
    later = np.asarray([[0.5, 0.42], [0.5, 1e9], [0.5, -1e9], [1e30, 0.0]], np.float32)
    ranks = fit_quantile_ranks(train)(torch.from_numpy(later)).numpy()
    assert np.abs(ranks).max() <= 1
    assert ranks[:, 1].tolist() == [0, 0, 0, 0]


def test_constant_columns_of_elec_do_not_hurt_when_they_start_to_vary() -> None:
    """A network fitted before row 17,424 stays as good as one that never saw the three columns."""
    from drift.datasets.elec import load_elec

    table = load_elec()
    dead = [table.feature_names.index(name) for name in ("vicprice", "vicdemand", "transfer")]
    alive = [j for j in range(table.features.shape[1]) if j not in dead]
    train, later = table.part(range(12_000, 17_424)), table.part(range(17_424, 19_440))
    accuracies = []
    for columns in (list(range(table.features.shape[1])), alive):
        torch.manual_seed(0)
        net = TableNet(fit_quantile_ranks(train.features[:, columns]), Shape(32, 2, 0.1), 2)
        part = Rows(later.features[:, columns], later.labels)
        accuracies.append(fit(net, Rows(train.features[:, columns], train.labels), part, OPTIONS)[-1].val_accuracy)
    assert accuracies[0] > accuracies[1] - 0.03
    assert accuracies[0] > 0.75


def test_fit_learns_and_is_repeatable() -> None:
    train, validation = problem(), problem(500, seed=1)
    histories = []
    for _ in range(2):
        torch.manual_seed(7)
        net = TableNet(fit_quantile_ranks(train.features), Shape(32, 2, 0.1), 2)
        histories.append([e.val_loss for e in fit(net, train, validation, OPTIONS)])
    assert histories[0] == histories[1]
    assert histories[0][-1] < 0.3


def test_fit_leaves_the_global_seed_alone() -> None:
    train = problem(200)
    net = TableNet(fit_quantile_ranks(train.features), Shape(8, 1, 0.1), 2)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fit(net, train, train, OPTIONS)
    assert torch.rand(1) == expected


def test_a_loss_that_is_no_number_is_an_error() -> None:
    train = problem(200)
    net = TableNet(fit_quantile_ranks(train.features), Shape(8, 1, 0.0), 2)
    with torch.no_grad():
        net.dense[0].weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="no longer a number after epoch 1"):
        fit(net, train, train, OPTIONS)


def test_fit_stops_when_told() -> None:
    train = problem(200)
    net = TableNet(fit_quantile_ranks(train.features), Shape(8, 1, 0.0), 2)
    seen: list[Epoch] = []

    def keep_going(epoch: Epoch) -> bool:
        seen.append(epoch)
        return epoch.number < 2

    assert fit(net, train, train, OPTIONS, keep_going=keep_going) == seen
    assert [epoch.number for epoch in seen] == [1, 2]


def test_the_exported_network_takes_any_number_of_rows(tmp_path: Path) -> None:
    from drift.models.predict import LocalPredictor

    train = problem(300)
    net = TableNet(fit_quantile_ranks(train.features), Shape(16, 2, 0.3), 2).eval()
    batch = torch.export.Dim("n")
    program = torch.export.export(net, (torch.from_numpy(train.features[:3]),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "model.pt2")
    served, local = LocalPredictor.from_file(tmp_path / "model.pt2", version=4), LocalPredictor(net)
    for rows in (1, 2, 300):
        part = train.features[:rows]
        np.testing.assert_allclose(served.predict(part).probabilities, local.predict(part).probabilities, atol=1e-7)
    assert served.predict(train.features[:1]).version == 4


SPACE = (
    NumberRange("rate", 1e-3, 1e-1, log=True),
    NumberRange("depth", 1, 3, whole=True),
    NumberChoice("width", (16, 32, 64)),
)


def good_near_a_hundredth(trial: Trial) -> None:
    value = 0.9 - abs(np.log10(trial.parameters["rate"]) + 2) / 4
    for epoch in (1, 2, 3):
        if not trial.report(epoch, value - 0.1 / epoch):
            return


@pytest.mark.slow
def test_search_keeps_the_best_and_is_repeatable(tmp_path: Path) -> None:
    found = [Search(SPACE, trials=5, seed=1, state=tmp_path / f"{n}.json").run(good_near_a_hundredth) for n in (0, 1)]
    assert found[0] == found[1]
    assert found[0].accuracy > 0.8
    assert isinstance(found[0].parameters["depth"], int)


def test_failed_trials_are_marked_and_the_search_goes_on(tmp_path: Path) -> None:
    def objective(trial: Trial) -> None:
        if trial.index in (0, 2):
            raise TrainingError("diverged")
        good_near_a_hundredth(trial)

    search = Search(SPACE, trials=4, seed=1, state=tmp_path / "s.json")
    search.run(objective)
    assert [o.status for o in search.outcomes] == [Status.FAILED, Status.COMPLETED, Status.FAILED, Status.COMPLETED]
    with pytest.raises(TrainingError, match="all 2 trials failed"):
        Search(SPACE, trials=2, seed=1, state=tmp_path / "t.json").run(_fail)


def _fail(trial: Trial) -> None:
    raise TrainingError("diverged")


def test_a_number_that_is_none_fails_the_trial(tmp_path: Path) -> None:
    def objective(trial: Trial) -> None:
        trial.report(1, float("nan") if trial.index == 0 else 0.5)

    search = Search(SPACE, trials=2, seed=1, state=tmp_path / "s.json")
    search.run(objective)
    assert [outcome.status for outcome in search.outcomes] == [Status.FAILED, Status.COMPLETED]


@pytest.mark.slow
def test_hopeless_trials_are_stopped_early_also_after_a_resumption(tmp_path: Path) -> None:
    state, seen = tmp_path / "s.json", dict[int, int]()

    def objective(trial: Trial) -> None:
        for epoch in (1, 2, 3, 4):
            seen[trial.index] = epoch
            if not trial.report(epoch, 0.3 if trial.index >= 5 else 0.8 + trial.index / 100):
                return

    Search(SPACE, trials=5, seed=1, state=state).run(objective)
    resumed = Search(SPACE, trials=6, seed=1, state=state)
    assert len(resumed.outcomes) == 5
    resumed.run(objective)
    assert resumed.outcomes[-1].status is Status.STOPPED
    assert seen[5] < 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("index", "epoch"), [(1, 2), pytest.param(3, 1, marks=pytest.mark.slow), pytest.param(4, 3, marks=pytest.mark.slow)]
)
def test_an_interrupted_search_gives_the_same_numbers(index: int, epoch: int, tmp_path: Path) -> None:
    """Trials 3 and 4 are suggested by a model of the ones before: the least difference in these would show."""

    def interrupted(trial: Trial) -> None:
        value = 0.9 - abs(np.log10(trial.parameters["rate"]) + 2) / 4
        for number in (1, 2, 3):
            going_on = trial.report(number, value - 0.1 / number)
            if (trial.index, number) == (index, epoch):
                raise KeyboardInterrupt
            if not going_on:
                return

    whole = Search(SPACE, trials=5, seed=1, state=tmp_path / "whole.json")
    whole.run(good_near_a_hundredth)
    state = tmp_path / "s.json"
    with pytest.raises(KeyboardInterrupt):
        Search(SPACE, trials=5, seed=1, state=state).run(interrupted)
    resumed = Search(SPACE, trials=5, seed=1, state=state)
    assert [outcome.index for outcome in resumed.outcomes] == list(range(index))
    assert resumed.run(good_near_a_hundredth) == whole.best()
    assert resumed.outcomes == whole.outcomes


def test_a_damaged_memory_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{}")
    with pytest.raises(StateError, match=r"s\.json is not a search to go on with"):
        Search(SPACE, trials=1, seed=1, state=tmp_path / "s.json")
