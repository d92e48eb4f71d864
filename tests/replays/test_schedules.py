"""The best schedule in hindsight, beside trying every one."""

from itertools import combinations

import numpy as np
import pytest

from drift.errors import BlockError
from drift.replays.experiment import CandidateModel, best_schedules


def naive(candidates: list[CandidateModel], blocks: int, retrains: int) -> int:
    best = 0
    for base in (candidate for candidate in candidates if candidate.block == 0):
        later = [candidate for candidate in candidates if candidate.block > 0]
        for count in range(retrains + 1):
            for chosen in combinations(later, count):
                order = sorted(chosen, key=lambda candidate: candidate.block)
                ends = [candidate.block for candidate in order] + [blocks]
                if len(set(ends)) < len(ends):
                    continue
                parts = zip([base, *order], ends, strict=True)
                best = max(best, sum(int(one.correct[one.block : end].sum()) for one, end in parts))
    return best


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    candidates = [CandidateModel(block, rng.integers(0, 20, 6), window) for block in range(6) for window in (1, 2)]
    rng.shuffle(candidates)
    found = best_schedules(candidates, 6, 4)
    for retrains, schedule in enumerate(found):
        assert schedule.correct == naive(candidates, 6, retrains)
        assert schedule.retrains <= retrains
        ends = [candidate.block for candidate in schedule.chosen[1:]] + [6]
        parts = zip(schedule.chosen, ends, strict=True)
        assert schedule.correct == sum(one.correct[one.block : end].sum() for one, end in parts)


def test_no_more_retrains_than_help() -> None:
    good = CandidateModel(0, np.full(4, 10))
    worse = [CandidateModel(block, np.full(4, 9)) for block in (1, 2, 3)]
    assert best_schedules([good, *worse], 4, 3)[-1].chosen == (good,)


def test_without_a_base_model_there_is_no_schedule() -> None:
    with pytest.raises(BlockError, match="expected a base model"):
        best_schedules([CandidateModel(1, np.ones(3, np.int64))], 3, 1)
