"""How stored versions answer, beside the same by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from drift.data.blocks import Table
from drift.replays.combiners import COMBINERS, Mix, Newest, Recall, recent_accuracies
from drift.replays.versions import ReplayVersion

ROWS, START = 3_000, 2_000


def table_of(labels: NDArray[np.int64]) -> Table:
    return Table("t", ("x",), np.zeros((len(labels), 1), np.float32), labels, ("no", "yes"), None)


def version_of(table: Table, rows: range, yes: NDArray[np.float64]) -> ReplayVersion:
    """A version that answers every row of the table with probability `yes`."""
    first = max(rows.start, rows.stop - 1_008)
    found = np.column_stack([1 - yes, yes])[first:].astype(np.float32)
    return ReplayVersion(rows, found, found.argmax(axis=1) == table.labels[first:])


@pytest.fixture
def table() -> Table:
    return table_of((np.random.default_rng(0).random(ROWS) < 0.4).astype(np.int64))


@pytest.fixture
def versions(table: Table) -> list[ReplayVersion]:
    """A good one, one that became bad, and a new one that is middling."""
    rng, right = np.random.default_rng(1), np.where(table.labels == 1, 0.8, 0.2)
    rates = [np.full(ROWS, 0.1), np.where(np.arange(ROWS) < 1_500, 0.05, 0.6), np.full(ROWS, 0.3)]
    answers = [np.where(rng.random(ROWS) < rate, 1 - right, right) for rate in rates]
    windows = range(500), range(300, 1_200), range(900, 1_950)
    return [version_of(table, rows, yes) for rows, yes in zip(windows, answers, strict=True)]


def test_recent_accuracies(table: Table, versions: list[ReplayVersion]) -> None:
    """Weights halve every 336 rows; the last 2,500 count, and of a version's own rows the newest 1,008."""
    found = recent_accuracies(versions, START)
    for version, one in zip(versions, found, strict=True):
        rows = [row for row in range(START) if row >= version.first]
        weights = [0.5 ** ((START - row) / 336) for row in rows]
        right = [version.probabilities[row - version.first].argmax() == table.labels[row] for row in rows]
        assert one == pytest.approx(np.average(right, weights=weights), abs=1e-9)
    assert found[0] > found[2] > found[1]


def test_newest_and_recall(table: Table, versions: list[ReplayVersion]) -> None:
    block = table.block(0, range(START, START + 100))
    assert Newest().answer(block, versions, table) is not None
    assert (Newest().answer(block, versions, table) == versions[2].answers(block.rows)).all()
    assert (Recall().answer(block, versions, table) == versions[0].answers(block.rows)).all()
    assert (Recall().answer(block, versions[1:], table) == versions[2].answers(block.rows)).all()


def test_one_version_at_the_right_level_is_left_alone(table: Table) -> None:
    yes = np.full(ROWS, 0.4)
    version, block = version_of(table, range(500), yes), table.block(0, range(START, START + 50))
    assert Mix().answer(block, [version], table)[:, 1] == pytest.approx(yes[:50], abs=0.1)


def test_the_level_follows_the_newest_labels() -> None:
    """Where all labels have become 1, a version that says .4 is lifted; the ridge keeps it from going all the way."""
    table = table_of((np.arange(ROWS) >= START - 300).astype(np.int64))
    version = version_of(table, range(500), np.full(ROWS, 0.4))
    answer = Mix().answer(table.block(0, range(START, START + 50)), [version], table)
    assert (answer[:, 1] > 0.7).all()
    assert (answer[:, 1] < 0.999).all()
    assert answer.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)


def test_offsets_minimise_the_penalised_log_loss() -> None:
    """Beside a search: an intercept with a ridge of 20 on each of two classes is one of 10 on their difference."""
    rng = np.random.default_rng(2)
    yes = rng.uniform(0.2, 0.8, ROWS)
    table = table_of((rng.random(ROWS) < yes**0.5).astype(np.int64))
    answer = Mix().answer(table.block(0, range(START, START + 1)), [version_of(table, range(500), yes)], table)
    offset = np.log(answer[0, 1] / answer[0, 0]) - np.log(yes[START] / (1 - yes[START]))
    known = slice(START - Mix.most_rows, START)
    odds, signs = np.log(yes[known] / (1 - yes[known])), 2 * table.labels[known] - 1
    weights = 0.5 ** (np.arange(Mix.most_rows, 0, -1) / Mix.half_life)
    grid = np.linspace(-2, 3, 5_001)
    losses = [(weights * np.logaddexp(0, -signs * (odds + one))).sum() + 10 * one**2 / 2 for one in grid]
    assert offset == pytest.approx(grid[int(np.argmin(losses))], abs=2e-3)


def test_better_versions_weigh_more(table: Table, versions: list[ReplayVersion]) -> None:
    block = table.block(0, range(START, ROWS))
    mixed = Mix().answer(block, versions, table).argmax(axis=1)
    accuracy = (mixed == block.labels).mean()
    assert accuracy > 0.88  # the best alone has .9, the newest .7
    assert accuracy > (Newest().answer(block, versions, table).argmax(axis=1) == block.labels).mean() + 0.1


@pytest.mark.parametrize("name", COMBINERS)
def test_labels_of_the_block_and_later_ones_are_not_looked_at(
    name: str, table: Table, versions: list[ReplayVersion]
) -> None:
    block = table.block(0, range(START, START + 200))
    before = COMBINERS[name].answer(block, versions, table)
    table.labels[START:] = 1 - table.labels[START:]
    turned = [ReplayVersion(one.rows, one.probabilities, one.right.copy()) for one in versions]
    for one in turned:
        one.right[START - one.first :] = ~one.right[START - one.first :]
    assert (COMBINERS[name].answer(table.block(0, range(START, START + 200)), turned, table) == before).all()
