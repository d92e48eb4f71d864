"""What is promised of false alarms holds on streams without drift, whatever reference was drawn; and drift alarms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

from benchmarks.run_rules import ALLOWED, PROMISE, Stream, cells, distances, run_rule_alarms, shifted
from drift.detect.profiles.distances import jensen_shannon
from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.pipeline.reference import ReferenceLimits, make_reference
from drift.monitor.reference.limits import RunRule, bucket, loss_limit
from drift.monitor.sources.rows import PredictionRows
from drift.monitor.store import MonitorStore
from tests.monitor.worlds import World, agree, monitor_of, take_in


def alarms(stream: Stream, seed: int) -> int:
    """Alarms of the run rules of one stream."""
    rows, batches = stream.draw(seed)
    return run_rule_alarms(distances(cells(rows, batches)), stream.calibration(rows).limits(stream.rows))


@pytest.mark.slow
@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(Stream(200), marks=pytest.mark.slow),
        Stream(30),
        pytest.param(Stream(1_000, batches=60), marks=pytest.mark.slow),
        pytest.param(Stream(200, reference_batches=5), marks=pytest.mark.slow),
        pytest.param(Stream(200, memory=0.9), marks=pytest.mark.slow),
        pytest.param(Stream(200, days=0.1), marks=pytest.mark.slow),
        pytest.param(Stream(500, days=0.3), marks=pytest.mark.slow),
        pytest.param(Stream(200, days=0.2, reference_batches=10), marks=pytest.mark.slow),
        pytest.param(Stream(5_000, days=0.1, batches=40), marks=pytest.mark.slow),
    ],
    ids=[
        "200 rows",
        "30 rows",
        "1,000 rows",
        "a short reference",
        "rows in runs",
        "days that differ",
        "days that differ much",
        "ten days that differ",
        "a sample of the reference holds four days",
    ],
)
def test_false_alarms_of_the_run_rules_are_as_rare_as_promised(stream: Stream) -> None:
    """Over 40 streams, each with a reference of its own: at most half the promised rate, which is the rules' part."""
    counts = np.asarray([alarms(stream, seed) for seed in range(40)])
    allowed = ALLOWED * stream.batches
    error = counts.std(ddof=1) / np.sqrt(len(counts))
    assert counts.mean() <= allowed + 2.6 * error, counts  # alarms of one stream come together: they share a reference


@pytest.mark.slow
@pytest.mark.parametrize(("values", "power"), [(500, 1.0), (2_000, 1.5)])
def test_categories_with_a_long_tail_alarm_as_rarely_as_promised(values: int, power: float) -> None:
    """Most values of a batch that the reference lacks are no other's: 10 batches of 200 rows in the reference."""
    chances = 1 / np.arange(1, values + 1) ** power
    chances /= chances.sum()
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        texts = np.asarray([f"p{at}" for at in rng.choice(values, 2_000, p=chances)], object)
        rows = PredictionRows(texts, texts, texts, pd.DataFrame({"product": texts}))
        limit = ReferenceLimits(make_reference(rows, chosen="", by="", why="", alarms=PROMISE)).limits(200)[
            "feature:product"
        ]
        codes = np.asarray([int(text[1:]) for text in texts])
        reference = np.bincount(codes, minlength=values) / len(codes)
        batches = rng.multinomial(200, chances, size=100) / 200
        found.append(int(PROMISE.rule.alarms(jensen_shannon(reference[:, None], batches.T) > limit).sum()))
    allowed = ALLOWED * 100
    assert np.mean(found) <= allowed + 2.6 * np.std(found, ddof=1) / np.sqrt(len(found)), found


def test_half_a_deviation_alarms_soon() -> None:
    stream = Stream(200)
    rows, batches = stream.draw(0)
    limits = stream.calibration(rows).limits(200)
    flags = distances(cells(rows, [shifted(one) for one in batches]))["feature:x"] > limits["feature:x"]
    assert PROMISE.rule.alarms(flags).argmax() <= 4


def test_the_chance_of_an_alarm_is_that_of_drawn_batches() -> None:
    rng = np.random.default_rng(0)
    for rule in (RunRule(), RunRule(2, 3), RunRule(1, 1), RunRule(2, 2)):
        for chance in (0.02, 0.3):
            bad = rng.uniform(size=400_000) < chance
            expected = float(rule.chance(np.asarray([chance]))[0])
            assert rule.alarms(bad).mean() == pytest.approx(expected, rel=0.25, abs=2e-5)


def test_a_run_rule_sees_no_further_back_than_its_window() -> None:
    bad = np.asarray([1, 1, 0, 0, 1, 1, 0, 1, 0, 1], bool)
    assert RunRule().alarms(bad).tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]


def test_limits_are_calibrated_for_no_more_rows_than_there_are() -> None:
    assert [bucket(rows) for rows in (1, 2, 3, 5, 6, 11, 12, 100, 335)] == [1, 2, 3, 4, 6, 8, 12, 96, 256]


@pytest.mark.slow
def test_a_slices_losses_alarm_as_rarely_as_promised() -> None:
    """Losses of .1 on 3,000 reference rows and batches of 100: by drawing both."""
    rng = np.random.default_rng(0)
    rate, rule, found = 1e-3, RunRule(), []
    for _ in range(200):
        wrong = rng.binomial(3_000, 0.1)
        limit = loss_limit(wrong, 3_000, 100, rate=rate, rule=rule)
        found.append(rule.alarms(rng.binomial(100, 0.1, size=400) / 100 > limit).mean())
    assert np.mean(found) <= rate + 2.6 * np.std(found) / np.sqrt(len(found))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_200_stationary_batches_alarm_no_more_than_promised_from_ingest_to_alert(tmp_path: object) -> None:
    """The whole way through stores: 8 monitors of 200 batches, with truth, slices and evidence of harm; at the default
    promise of 1,000 batches, 1.6 alerts are allowed in the mean."""
    opened = 0
    for seed in range(8):
        store = MonitorStore(f"{tmp_path}/{seed}.db")
        take_in(store, World(batches=220, rows=150, seed=seed), slices=("north: state == NSW",))
        agree(store, 20)
        opened += len(check(store, monitor_of(store), Watch()).opened)
        store.close()
    assert opened <= poisson.ppf(0.999, 8 * 200 / 1_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "signal"),
    [
        (World(batches=40, rows=150, moved_from=25), "feature:a"),
        (World(batches=60, rows=150, wrong_from=25), "accuracy"),
    ],
    ids=["features", "accuracy"],
)
def test_what_becomes_bad_alarms_from_ingest_to_alert(tmp_path: object, world: World, signal: str) -> None:
    store = MonitorStore(f"{tmp_path}/m.db")
    take_in(store, world)
    agree(store, 20)
    found = {alert.signal: alert for alert in check(store, monitor_of(store), Watch()).opened}
    assert signal in found
    assert "day 025" <= found[signal].batch <= "day 035"
