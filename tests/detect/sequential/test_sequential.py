"""Evidence over blocks: fast code beside naive twins, and its promises as statistics."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom, norm

from benchmarks.run_lengths import ours
from benchmarks.streams import Law, independent, moving, runs
from drift.data.blocks import Reference, ScoredBlock
from drift.detect import Harm
from drift.detect.sequential.dependence import effective_rows, measure_dependence
from drift.detect.sequential.evidence import Evidence, Form, after, alternatives, log_bets, nothing
from drift.detect.sequential.intervals import mean_interval, risk_intervals
from drift.detect.sequential.paired_test import GainSums, SequentialPairedTest, TestState, duel, gain_bound, tally
from drift.errors import BlockError


def test_a_bet_on_rows_is_the_product_over_rows() -> None:
    rng = np.random.default_rng(0)
    losses = (rng.random(30) < 0.3).astype(float)
    against = alternatives(0.25)
    naive = [np.prod([a / 0.25 if loss else (1 - a) / 0.75 for loss in losses]) for a in against]
    assert np.exp(log_bets(losses.mean(), 0.25, against, 30)) == pytest.approx(naive, rel=1e-10)


@pytest.mark.parametrize("risk", [0.02, 0.25, 0.6])
@pytest.mark.parametrize("rows", [1, 7, 48])
def test_the_mean_of_a_bet_is_one_at_most(risk: float, rows: int) -> None:
    """Exactly 1 for independent rows at the edge of the null, at most 1 for fewer effective rows; 1 for equal rows."""
    wrong = np.arange(rows + 1)
    chances = binom.pmf(wrong, rows, risk)
    for effective in (rows, max(1.0, rows / 3), 1):
        means = chances @ np.exp(log_bets(wrong / rows, risk, alternatives(risk), effective))
        assert (means <= 1 + 1e-9).all()
        if effective == rows:
            assert means == pytest.approx(np.ones_like(means))
    groups = np.arange(5)  # 4 groups whose rows are all right or all wrong
    means = binom.pmf(groups, 4, risk) @ np.exp(log_bets(groups / 4, risk, alternatives(risk), 4))
    assert means == pytest.approx(np.ones_like(means))


def test_losses_between_0_and_1_may_be_bet_on() -> None:
    """A bet on real losses pays no more than the product over rows of the linear bets, whose means are at most 1."""
    losses = np.random.default_rng(1).random(20)
    against = alternatives(0.4)
    linear = [np.prod(1 + (a - 0.4) * (losses - 0.4) / (0.4 * 0.6)) for a in against]
    assert (np.exp(log_bets(losses.mean(), 0.4, against, 20)) <= linear).all()


def test_evidence_is_a_sum_over_beginnings() -> None:
    """Shiryaev-Roberts against the sum, CUSUM against the largest, of the products of bets begun at each block."""
    logs = np.random.default_rng(2).normal(0, 0.5, (15, 3))
    for form, add in (("shiryaev-roberts", np.sum), ("cusum", np.max)):
        found = nothing(3, form=form)  # type: ignore[arg-type]
        for at in range(len(logs)):
            found = after(found, logs[at])
            products = [np.exp(logs[begin : at + 1].sum(axis=0)) for begin in range(at + 1)]
            assert float(found.value) == pytest.approx(add(products, axis=0).mean(), rel=1e-10)


def test_a_null_without_room_is_refused() -> None:
    for risk in (0.0, 1.0, 1.2, float("nan")):
        with pytest.raises(BlockError, match="expected an accepted risk with tolerance between 0 and 1"):
            alternatives(risk)


LAWS = [*(independent(risk, 20) for risk in (0.1, 0.25, 0.4)), moving(0.25, 20), runs(0.25, 20)]


@pytest.mark.parametrize("form", ["shiryaev-roberts", "cusum"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_promised_run_length_is_kept(law: Law, form: Form) -> None:
    """With the risk at the null's edge, the mean run to a false alarm is at least the promised one (runs cut short)."""
    found = ours(law, 50, streams=400, rows=20, most=400, form=form, seed=0)
    assert found.mean() + 3 * found.std() / np.sqrt(len(found)) >= 50
    assert found.mean() >= 45


def test_the_promise_needs_the_dependence() -> None:
    """Rows that are taken as independent although errors come in runs break the promise: what is measured matters."""
    law, rng = runs(0.25, 20), np.random.default_rng(0)
    against, draw = alternatives(0.25), law.begin()
    evidence, alarmed = nothing(len(against), (400,)), np.full(400, 400.0)
    for block in range(400):
        evidence = after(evidence, log_bets(draw(rng, 400, 1)[:, 0].mean(axis=1), 0.25, against, 20))
        alarmed = np.where((evidence.log_value >= np.log(50)) & (alarmed == 400), block + 1, alarmed)
    assert alarmed.mean() < 40


def test_dependence_is_measured() -> None:
    rng = np.random.default_rng(3)
    plain = [measure_dependence(rng.random(2_000) < 0.25, 48) for _ in range(200)]
    assert np.mean([one.inflation == 1 for one in plain]) >= 0.7  # the level is 0.2
    clusters = [measure_dependence(np.repeat(rng.random(250) < 0.25, 8), 48) for _ in range(50)]
    assert np.mean([one.inflation >= 8 for one in clusters]) >= 0.7
    assert all(one.effective_rows <= 48 / 4 for one in clusters)


def test_a_reference_that_cannot_say_leaves_block_means() -> None:
    found = measure_dependence([0.0, 1.0] * 15, 336)
    assert found.effective_rows == 1
    assert "only block means are believed: 30 reference rows" in found.words
    assert measure_dependence(np.zeros(500), 20).effective_rows == 1  # no error, so none that come together
    assert measure_dependence(np.random.default_rng(0).random(100), 1).inflation >= 1


def test_dependence_beyond_what_was_looked_at_is_feared() -> None:
    """A reference with too few blocks never makes a block's rows independent, however independent they look."""
    rng = np.random.default_rng(0)
    for rows in (100, 400, 1_000):
        assert measure_dependence(rng.random(rows) < 0.3, 336).inflation >= 336 * 10 / rows / 2


def test_a_model_that_is_always_wrong_is_never_alarmed_on() -> None:
    detector = Harm(Reference.of_losses([1] * 400))
    for _ in range(40):
        block = ScoredBlock.of_losses([1] * 48)
        assert not detector.score(block).alarm
        detector.update(block)


def test_bets_on_block_means_hold_where_whole_blocks_go_wrong() -> None:
    """One block in fifty goes wrong as a whole, and the mean risk is what is tolerated: only block means are safe."""
    rng, lengths = np.random.default_rng(0), dict[bool, list[int]]()
    bad = rng.random((60, 500)) < 0.02
    risks = np.where(bad, 0.8, (0.25 - 0.02 * 0.8) / 0.98)
    for block_means in (False, True):
        for stream in risks:
            reference = Reference.of_losses((rng.random(2_880) < 0.25).astype(int))
            detector = Harm(reference, tolerated_loss=0.01, expected_run_length=50, block_means=block_means)
            found = 500
            for at, risk in enumerate(stream):
                block = ScoredBlock.of_losses((rng.random(48) < risk).astype(int))
                if detector.score(block).alarm:
                    found = at + 1
                    break
                detector.update(block)
            lengths.setdefault(block_means, []).append(found)
    assert np.mean(lengths[True]) > 50
    assert np.mean(lengths[False]) < np.mean(lengths[True])


def test_each_size_of_block_is_measured_on_its_own() -> None:
    """Errors in runs of 2: a last block of 12 rows counts for more than its share of what one of 48 counts for."""
    losses = np.repeat(np.random.default_rng(4).random(1_000) < 0.25, 2)
    sizes = [48, 48, 12, 1]
    found = effective_rows(losses, sizes)
    assert found == [measure_dependence(losses, rows).effective_rows for rows in sizes]
    assert found[0] == found[1] > found[2]
    assert found[2] != pytest.approx(found[0] * 12 / 48, rel=0.01)
    assert found[3] == 1


def test_intervals_cover_a_moving_risk_at_all_blocks_at_once() -> None:
    rng, misses = np.random.default_rng(5), 0
    for stream in range(60):
        risk = 0.25 + 0.15 * np.sin(np.arange(60) / 7 + stream)
        found = risk_intervals(rng.binomial(48, risk) / 48, [48.0] * 60, window=5, level=0.2)
        truth = [risk[max(0, at - 4) : at + 1].mean() for at in range(60)]
        misses += any(not one.low <= true <= one.high for one, true in zip(found, truth, strict=True))
    assert misses <= binom.ppf(0.999, 60, 0.2)


def test_an_interval_at_its_ends() -> None:
    assert mean_interval(0, 50, level=0.05)[0] == pytest.approx(0, abs=1e-9)
    assert mean_interval(50, 50, level=0.05)[1] == 1
    low, high = mean_interval(15, 50, level=0.05)
    assert 0.1 < low < 0.3 < high < 0.55
    assert (1 - high, 1 - low) == pytest.approx(mean_interval(35, 50, level=0.05))
    narrow = mean_interval(1_500, 5_000, level=0.05)
    assert narrow[1] - narrow[0] < 0.06


def naive_wealth(gains: list[int], at_most: float) -> float:
    """As many bets side by side, each multiplied row by row."""
    shares = np.geomspace(0.01, 0.95, 24) / (1 + at_most)
    return float(np.mean([np.prod([1 + share * (gain - at_most) for gain in gains]) for share in shares]))


def test_a_duel_multiplies_row_by_row() -> None:
    rng = np.random.default_rng(6)
    champion, challenger = rng.random(80) < 0.3, rng.random(80) < 0.2
    half = tally(champion[:40], challenger[:40])
    found = duel(tally(champion[40:], challenger[40:], half), least_gain=0.02)
    gains = [int(a) - int(b) for a, b in zip(champion, challenger, strict=True)]
    assert found.tally.mean_gain == pytest.approx(np.mean(gains))
    assert np.exp(found.log_wealth) == pytest.approx(naive_wealth(gains, 0.0), rel=1e-10)
    assert np.exp(found.log_wealth_against) == pytest.approx(naive_wealth([-gain for gain in gains], -0.02), rel=1e-10)


def fought(
    gain: float, rng: np.random.Generator, *, looks: int = 60, disagree: float = 0.15, rows: int = 50
) -> SequentialPairedTest:
    found = GainSums()
    counts = rng.multinomial(rows, [(disagree + gain) / 2, (disagree - gain) / 2, 1 - disagree], size=looks)
    for plus, minus, _ in counts:
        found = GainSums(found.gained + plus, found.lost + minus, found.rows + rows)
        ended = duel(found, least_gain=0.01)
        if ended.verdict is not TestState.OPEN:
            break
    return ended


def test_wrong_promotions_are_rare_however_often_one_looks() -> None:
    rng = np.random.default_rng(7)
    equal = [fought(0.0, rng).verdict for _ in range(400)]
    assert equal.count(TestState.BETTER) <= binom.ppf(0.999, 400, 0.05)
    just = [fought(0.01, rng).verdict for _ in range(400)]
    assert just.count(TestState.NOT_BETTER) <= binom.ppf(0.999, 400, 0.05)


def test_a_true_gain_is_found() -> None:
    rng = np.random.default_rng(8)
    assert np.mean([fought(0.05, rng).verdict is TestState.BETTER for _ in range(100)]) >= 0.9
    assert np.mean([fought(-0.05, rng).verdict is TestState.NOT_BETTER for _ in range(100)]) >= 0.9


def test_a_duel_of_other_rows_is_refused() -> None:
    with pytest.raises(BlockError, match="expected losses of the same rows"):
        tally([0.0, 1.0], [0.0])
    with pytest.raises(BlockError, match="expected a level"):
        duel(GainSums(), level=1.0)


def test_evidence_does_not_overflow() -> None:
    found: Evidence = nothing(12)
    for _ in range(200):
        found = after(found, log_bets(1.0, 0.1, alternatives(0.1), 336))
    assert np.isfinite(found.log_value)


def test_harm_is_the_evidence_of_its_parts() -> None:
    """The detector, beside bets and evidence put together by hand; a shorter last block has a factor of its own."""
    rng = np.random.default_rng(9)
    reference, losses = (rng.random(900) < 0.2).astype(float), (rng.random(260) < 0.4).astype(float)
    detector = Harm(Reference.of_losses(reference), tolerated_loss=0.03)
    risk = reference.mean() + 0.03
    evidence = nothing(12)
    for block in np.split(losses, range(48, 260, 48)):
        effective = measure_dependence(reference, len(block)).effective_rows
        bets = log_bets(block.mean(), risk, alternatives(risk), effective)
        evidence = after(evidence, bets)
        score = detector.score(ScoredBlock.of_losses(block))
        detector.update(ScoredBlock.of_losses(block))
        assert score.statistic == pytest.approx(float(evidence.value))
    assert score.alarm
    assert score.threshold == 200
    assert score.detail.startswith("risk ")


def test_harm_that_cannot_be_watched_is_refused() -> None:
    with pytest.raises(BlockError, match="tolerate a loss of more than 0"):
        Harm(Reference.of_losses([0] * 50), tolerated_loss=0)
    with pytest.raises(BlockError, match="expected a tolerated loss in"):
        Harm(Reference.of_losses([0, 1]), expected_run_length=1)


def test_the_bound_of_a_gain_holds_at_all_looks_and_agrees_with_the_verdict() -> None:
    """One-sided, as the bet that promotes: above 0 where the verdict is better, and nowhere else."""
    rng, misses, better = np.random.default_rng(10), 0, 0
    for _ in range(60):
        found, missed = dict[float, GainSums](), False
        for plus, minus, _ in rng.multinomial(50, [0.1, 0.06, 0.84], size=20):
            inflation = float(rng.choice([1.0, 1.5]))
            before = found.get(inflation, GainSums())
            found[inflation] = GainSums(before.gained + plus, before.lost + minus, before.rows + 50)
            low = gain_bound(found, level=0.2)
            missed |= low > 0.04
            assert (low > 0) == (duel(found, level=0.2).verdict is TestState.BETTER)
            better += low > 0
        misses += missed
    assert misses <= binom.ppf(0.999, 60, 0.2)
    assert better > 50
    assert gain_bound(GainSums(0, 0, 500)) > -0.05


def test_a_duel_counts_each_block_by_the_factor_of_its_size() -> None:
    """One tally is as one entry; rows of a larger factor count for less."""
    one, two = GainSums(30, 10, 400), GainSums(20, 8, 300)
    assert duel({1.0: one}) == duel(one)
    assert gain_bound({1.0: one}) == gain_bound(one)
    both = duel({1.0: one, 4.0: two})
    assert both.tally == GainSums(50, 18, 700)
    assert duel({1.0: one, 8.0: two}).log_wealth < both.log_wealth < duel({1.0: one, 1.0001: two}).log_wealth


def correlated(rng: np.random.Generator, rows: int, risk: float) -> np.ndarray:
    """Losses of 0 and 1 from a Gaussian AR(.97)."""
    noise = rng.normal(size=rows) * np.sqrt(1 - 0.97**2)
    noise[0] = rng.normal()
    return (lfilter([1], [1, -0.97], noise) < norm.ppf(risk)).astype(float)


def length(detector: Harm, losses: np.ndarray, sizes: list[int]) -> int:
    """Blocks of these sizes up to the first alarm, or all."""
    at = 0
    for block, rows in enumerate(sizes):
        scored = ScoredBlock.of_losses(losses[at : at + rows].astype(int))
        if detector.score(scored).alarm:
            return block + 1
        detector.update(scored)
        at += rows
    return len(sizes)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[4] + [480] * 199, [480, 200] * 100, list(range(120, 520, 2))])
def test_harm_keeps_its_guarantee_with_blocks_of_any_size(sizes: list[int]) -> None:
    """Dependent losses at the edge of the null: with the first block's factor, 4 rows and then 480 alarmed after 8."""
    rng, runs_ = np.random.default_rng(1), 20
    lengths = []
    for _ in range(runs_):
        reference = correlated(rng, 20_000, 0.25)
        detector = Harm(Reference.of_losses(reference.astype(int)), expected_run_length=50)
        lengths.append(length(detector, correlated(rng, sum(sizes), reference.mean() + 0.02), sizes))
    assert np.mean(lengths) + 3 * np.std(lengths) / np.sqrt(runs_) >= 50
    assert np.mean(lengths) >= 40


def test_harm_after_a_first_block_of_another_size_is_as_if_without() -> None:
    """The evidence of later blocks grows as if all had been of their size, whichever came first."""
    rng = np.random.default_rng(2)
    reference, losses = correlated(rng, 6_000, 0.2), (rng.random(4_000) < 0.5).astype(int)
    for first, rows in ((480, 4), (4, 480)):
        mixed, plain = (Harm(Reference.of_losses(reference.astype(int))) for _ in range(2))
        mixed.update(ScoredBlock.of_losses(np.asarray([1] * round(0.2 * first) + [0] * (first - round(0.2 * first)))))
        for block in np.split(losses, range(rows, 4_000, rows))[:8]:
            mixed.update(ScoredBlock.of_losses(block))
            plain.update(ScoredBlock.of_losses(block))
        found = [one.score(ScoredBlock.of_losses(losses[:rows])) for one in (mixed, plain)]
        assert found[0].detail == found[1].detail
        assert found[0].statistic >= found[1].statistic


def test_harm_finds_a_loss_in_small_blocks_after_a_large_one() -> None:
    """Independent rows, of which the reference has too few to speak of blocks of 480, but enough for blocks of 4."""
    rng = np.random.default_rng(3)
    lengths = []
    for _ in range(30):
        detector = Harm(Reference.of_losses((rng.random(2_000) < 0.2).astype(int)))
        losses = np.concatenate([rng.random(480) < 0.2, rng.random(1_600) < 0.6])
        lengths.append(length(detector, losses, [480] + [4] * 400))
    assert np.mean(lengths) < 40
