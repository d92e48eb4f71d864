"""The batched ensemble: the answers of its members trained apart, the same for the same seed, never blown up."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from drift.data.blocks import Rows
from drift.errors import TrainingError
from drift.models.blend import Blend, fit_blend
from drift.models.ensemble import EnsembleOptions, fit_ensemble
from drift.models.predict import LocalPredictor
from drift.models.quantiles import fit_quantile_ranks

SMALL = EnsembleOptions(width=16, epochs=4, batch_size=100)


def problem(n: int = 730, seed: int = 0, classes: int = 2) -> Rows:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 3)).astype(np.float32)
    corners = (features[:, 0] > 0).astype(np.int64) + (features[:, 1] > 0) * (classes - 2)
    return Rows(features, corners)


def member_alone(train: Rows, seed: int, member: int, classes: int, options: EnsembleOptions) -> torch.nn.Module:
    """The naive twin: one ordinary network, one batch after the other, dropout as a mask of its own."""
    draw = torch.Generator().manual_seed(seed * 1_000 + member)
    ranks = fit_quantile_ranks(train.features)
    inputs, labels = ranks(torch.from_numpy(train.features)), torch.from_numpy(train.labels)
    sizes = [inputs.shape[1]] + [options.width] * options.depth + [classes]
    dense = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in pairwise(sizes))
    for (a, b), layer in zip(pairwise(sizes), dense, strict=True):
        bound = a**-0.5
        layer.weight.data = ((torch.rand(a, b, generator=draw) * 2 - 1) * bound).T.contiguous()
        layer.bias.data = (torch.rand(b, generator=draw) * 2 - 1) * bound
    batches = -(-len(labels) // options.batch_size)
    steps = min(options.epochs * batches, options.max_steps)
    optimizer = torch.optim.AdamW(dense.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.learning_rate, total_steps=steps)
    dropped = round(options.dropout * 256)
    done = 0
    while done < steps:
        for picked in torch.randperm(len(labels), generator=draw).split(options.batch_size):
            if done == steps:
                break
            hidden = inputs[picked]
            for layer in dense[:-1]:
                hidden = layer(hidden).relu()
                words = torch.empty(-(-hidden.numel() // 8), dtype=torch.int64).random_(-(2**63), None, generator=draw)
                kept = words.view(torch.uint8)[: hidden.numel()].view(hidden.shape) >= dropped
                hidden = hidden * kept / (1 - dropped / 256)
            loss = torch.nn.functional.cross_entropy(dense[-1](hidden), labels[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
    layers = [module for layer in dense for module in (layer, torch.nn.ReLU())][:-1]
    return torch.nn.Sequential(ranks, *layers, torch.nn.Softmax(dim=1))


@pytest.mark.parametrize(
    ("classes", "options"),
    [(2, SMALL), (3, SMALL), (2, EnsembleOptions(width=9, depth=1, batch_size=101, epochs=3, max_steps=13))],
)
def test_members_come_out_as_if_trained_apart(classes: int, options: EnsembleOptions) -> None:
    train, probe = problem(classes=classes), problem(200, seed=1).features
    together = fit_ensemble(train, members=3, seed=5, classes=classes, options=options).predict(probe)
    twins = [member_alone(train, 5, member, classes, options) for member in range(3)]
    with torch.no_grad():
        apart = [twin(torch.from_numpy(probe)).numpy() for twin in twins]
    assert np.ptp([p[:, 0] for p in apart], axis=0).max() > 1e-3, "members must differ"
    np.testing.assert_allclose(together, np.mean(apart, axis=0), atol=2e-4)


def test_one_seed_gives_one_answer_and_leaves_the_global_draws_alone() -> None:
    train, probe = problem(), problem(50, seed=1).features
    torch.manual_seed(3)
    before = torch.rand(1)
    torch.manual_seed(3)
    first = fit_ensemble(train, seed=1, options=SMALL).predict(probe)
    assert torch.equal(torch.rand(1), before)
    np.testing.assert_array_equal(first, fit_ensemble(train, seed=1, options=SMALL).predict(probe))
    assert not np.array_equal(first, fit_ensemble(train, seed=2, options=SMALL).predict(probe))


def test_it_learns_and_answers_with_probabilities() -> None:
    train, later = problem(3_000, classes=3), problem(5_000, seed=1, classes=3)
    probabilities = fit_ensemble(train, seed=0, classes=3).predict(later.features)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == later.labels).mean() > 0.95


def test_a_feature_that_was_constant_says_nothing_for_ever() -> None:
    train = problem()
    wider = Rows(np.column_stack([train.features, np.full(len(train), 0.4)]).astype(np.float32), train.labels)
    model = fit_ensemble(wider, seed=0, options=SMALL)
    probe = np.column_stack([problem(100, seed=1).features, np.full(100, 0.4)]).astype(np.float32)
    wild = probe.copy()
    wild[:, 3] = np.tile([1e9, -1e9, 0.0, 1.0], 25)
    np.testing.assert_array_equal(model.predict(probe), model.predict(wild))


def test_few_rows_are_enough_and_none_are_refused() -> None:
    assert np.isfinite(fit_ensemble(problem(1), seed=0).predict(problem(3).features)).all()
    with pytest.raises(TrainingError, match="got none"):
        fit_ensemble(problem(0), seed=0)


def test_a_fit_that_explodes_is_told() -> None:
    with pytest.raises(TrainingError, match="no longer numbers"):
        fit_ensemble(problem(), seed=0, options=EnsembleOptions(learning_rate=float("inf")))


def test_a_blend_is_the_mean_of_its_windows_in_log_probability() -> None:
    train, probe = problem(), problem(60, seed=1).features
    blend = fit_blend(train, windows=(200, 500, 9_000, 10_000), seed=4, options=SMALL)
    assert len(blend.parts) == 3  # the longest two are all rows
    newest = [Rows(train.features[-n:], train.labels[-n:]) for n in (200, 500, 730)]
    logs = [np.log(fit_ensemble(rows, seed=4, options=SMALL).predict(probe)) for rows in newest]
    expected = np.exp(np.mean(logs, axis=0))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(blend.predict(probe), expected, atol=1e-5)


def test_it_can_be_exported_for_any_number_of_rows(tmp_path: Path) -> None:
    """More rows than `predict` takes at a time among them."""
    train, probe = problem(), problem(5_000, seed=1).features
    model: Blend = fit_blend(train, windows=(300, 600), seed=0, options=SMALL)
    LocalPredictor(model).to_file(tmp_path / "model.pt2", width=3)
    exported = LocalPredictor.from_file(tmp_path / "model.pt2", version=7)
    for rows in (1, 2, 77, 5_000):
        answer = exported.predict(probe[:rows])
        assert answer.version == 7
        np.testing.assert_allclose(answer.probabilities, model.predict(probe[:rows]), atol=1e-6)
