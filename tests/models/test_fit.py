"""The one fitting loop: what it does for tables, for a clock, and after an interruption."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from drift.errors import StateError, TrainingError, UsageError
from drift.models.fit import Epoch, FitOptions, LabelledTensors, descend, fit
from drift.models.network import Shape, TableNet
from drift.models.quantiles import fit_quantile_ranks
from drift.system.threads import one_thread
from tests.models.test_models import problem

OPTIONS = FitOptions(learning_rate=1e-2, weight_decay=1e-2, batch_size=64, max_epochs=4, seed=3)
Weights = dict[str, torch.Tensor]


def same(one: Weights, other: Weights) -> bool:
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def samples(n: int = 500, seed: int = 0) -> LabelledTensors:
    rows = problem(n, seed)
    return LabelledTensors(torch.from_numpy(rows.features), torch.from_numpy(rows.labels))


def module() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = torch.nn.Linear(4, 32), torch.nn.BatchNorm1d(32), torch.nn.ReLU(), torch.nn.Dropout(0.2)
    return torch.nn.Sequential(*layers, torch.nn.Linear(32, 2))


def test_of_tables_it_is_bit_for_bit_the_plain_loop() -> None:
    train = problem(1_000)
    nets = []
    for _ in range(2):
        torch.manual_seed(7)
        nets.append(TableNet(fit_quantile_ranks(train.features), Shape(32, 2, 0.2), 2))
    fit(nets[0], train, problem(300, 1), OPTIONS)
    with one_thread(), torch.random.fork_rng():
        inputs, labels = nets[1].ranks(torch.from_numpy(train.features)), torch.from_numpy(train.labels)
        optimizer = torch.optim.AdamW(nets[1].dense.parameters(), lr=1e-2, weight_decay=1e-2, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=4 * 16)
        torch.manual_seed(3)
        for _ in range(4):
            order = torch.randperm(1_000)
            for batch, truth in zip(inputs[order].split(64), labels[order].split(64), strict=True):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(nets[1].dense(batch), truth).backward()
                optimizer.step()
                schedule.step()
    assert same(nets[0].state_dict(), nets[1].state_dict())
    assert not nets[0].training


def interrupted_after(epoch: int) -> Callable[[Epoch], bool]:
    def keep_going(seen: Epoch) -> bool:
        if seen.number == epoch:
            raise KeyboardInterrupt
        return True

    return keep_going


def nudged(inputs: torch.Tensor, epoch: int, batch: int) -> torch.Tensor:
    return inputs + torch.randn(inputs.shape, generator=torch.Generator().manual_seed(100 * epoch + batch)) / 10


@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_fit_goes_on_to_the_same_weights(tmp_path: Path, epoch: int) -> None:
    whole, broken, resumed = module(), module(), module()
    expected = descend(whole, samples(), samples(200, 1), OPTIONS, augment=nudged)
    place = tmp_path / "made" / "fit.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        descend(
            broken,
            samples(),
            samples(200, 1),
            OPTIONS,
            augment=nudged,
            checkpoint=place,
            keep_going=interrupted_after(epoch),
        )
    told: list[int] = []

    def remember(seen: Epoch) -> bool:
        told.append(seen.number)
        return True

    found = descend(
        resumed,
        samples(),
        samples(200, 1),
        OPTIONS,
        augment=nudged,
        checkpoint=place,
        keep_going=remember,
    )
    assert same(whole.state_dict(), resumed.state_dict())
    assert [(e.number, e.train_loss, e.val_loss) for e in found] == [
        (e.number, e.train_loss, e.val_loss) for e in expected
    ]
    assert told == [1, 2, 3, 4], "who listens hears of earlier epochs, too"
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_a_fit_that_ended_is_not_fitted_again(tmp_path: Path) -> None:
    first, second = module(), module()
    stops: Callable[[Epoch], bool] = lambda epoch: epoch.number < 2  # noqa: E731
    ended = descend(first, samples(), samples(), OPTIONS, checkpoint=tmp_path / "fit", keep_going=stops)
    assert descend(second, samples(), samples(), OPTIONS, checkpoint=tmp_path / "fit", keep_going=stops) == ended
    assert same(first.state_dict(), second.state_dict())


@pytest.mark.parametrize("other", ["data", "options", "weights"])
def test_another_fit_does_not_go_on_from_a_checkpoint(tmp_path: Path, other: str) -> None:
    descend(module(), samples(), samples(), OPTIONS, checkpoint=tmp_path / "fit")
    net = module()
    if other == "weights":
        torch.nn.init.ones_(next(net.parameters()))
    options = FitOptions(1e-3, 0.0, 64, 4, 3) if other == "options" else OPTIONS
    with pytest.raises(StateError, match="other data, options or first weights; delete it"):
        descend(net, samples(seed=int(other == "data")), samples(), options, checkpoint=tmp_path / "fit")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04", None])
def test_a_damaged_checkpoint_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "fit"
    if content is None:
        torch.save({"format": 1}, place)
    else:
        place.write_bytes(content)
    with pytest.raises(StateError, match="is not a fit to go on with") as caught:
        descend(module(), samples(), samples(), OPTIONS, checkpoint=place)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be remembered in"):
        descend(module(), samples(), samples(), OPTIONS, checkpoint=tmp_path / "file" / "fit")


def test_a_clock_ends_the_fit_at_the_end_of_its_cycle() -> None:
    rates: list[float] = []
    clock = [0.0]  # a batch takes 20 ms by it, however busy the machine is

    def slow(inputs: torch.Tensor, epoch: int, batch: int) -> torch.Tensor:
        clock[0] += 0.02
        return inputs

    class Watched(torch.optim.lr_scheduler.OneCycleLR):
        def step(self, *args: object) -> None:
            super().step(*args)
            rates.append(self.get_last_lr()[0])

    options = FitOptions(1e-2, 0.0, 64, 50, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.lr_scheduler, "OneCycleLR", Watched)
        patch.setattr("drift.models.fit.monotonic", lambda: clock[0])
        epochs = descend(module(), samples(), samples(), options, augment=slow, seconds=1.0)
    assert 1 <= len(epochs) < 25, "400 batches of 20 ms do not fit in a second"
    assert epochs[-1].seconds == pytest.approx(1.0, abs=0.03)
    assert max(rates) > 0.008
    assert rates[-1] < 1e-6, "the rate came down, although few of the batches were learned from"


def test_a_clock_that_has_time_enough_changes_nothing() -> None:
    without, with_clock = module(), module()
    descend(without, samples(), samples(), OPTIONS)
    descend(with_clock, samples(), samples(), OPTIONS, seconds=1e6)
    assert same(without.state_dict(), with_clock.state_dict())


def test_no_time_at_all_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match="expected more than 0 seconds to fit in, got 0"):
        descend(module(), samples(), samples(), OPTIONS, seconds=0)


def test_small_ends_of_epochs_are_left_out() -> None:
    sizes: list[int] = []

    def watch(inputs: torch.Tensor, epoch: int, batch: int) -> torch.Tensor:
        sizes.append(len(inputs))
        return inputs

    options = FitOptions(1e-2, 0.0, 64, 2, 0)
    descend(module(), samples(64 * 2 + 1), samples(), options, augment=watch, smallest_batch=2)
    assert sizes == [64, 64] * 2
    with pytest.raises(TrainingError, match="expected 2 rows or more to learn from, got 1"):
        descend(module(), samples(1), samples(), options, smallest_batch=2)


def test_frozen_parameters_stay() -> None:
    net = module()
    first = net[0].weight.requires_grad_(False).clone()
    descend(net, samples(), samples(), OPTIONS)
    assert torch.equal(net[0].weight, first)


def test_judging_in_parts_gives_the_same_losses() -> None:
    whole, parts = (
        descend(module(), samples(), samples(333, 1), OPTIONS, judged_at_once=at_once) for at_once in (None, 50)
    )
    assert [e.val_loss for e in parts] == pytest.approx([e.val_loss for e in whole], rel=1e-5)
    assert [e.val_accuracy for e in parts] == [e.val_accuracy for e in whole]
