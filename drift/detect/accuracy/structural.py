"""Structural time-series model of block accuracies, filtered under many variances at once; used by `forecast`.

Counts of right answers are taken to the arcsine scale, z = asin(sqrt((x + 3/8) / (n + 3/4))), where their sampling
variance is close to 1 / (4 n + 2) whatever the accuracy (Anscombe 1948). There the model is linear and Gaussian but for
jumps (Harvey 1989, chapter 4), one step for each block:

    z_t      = level_t + effect_t + N(0, 1 / (4 n_t + 2))
    level_t  = level_{t-1} + slope_{t-1} + N(0, step^2) + jump_t
    slope_t  = d slope_{t-1} + N(0, bend^2)
    effect_t = r effect_{t-1} + N(0, (1 - r^2) spread^2)
    jump_t   ~ N(0, JUMP^2) with probability HAZARD, else 0

A level that steps is a drift without direction, a slope one with a direction that fades by d from block to block, and
effects are what blocks have beyond sampling variance (overdispersion), alone (r = 0) or in runs. The variances are not
estimated, since the first blocks cannot say them: a Kalman filter runs under every combination of a small grid, and
each combination weighs as much as its prior and the likelihood of the blocks so far say. Whether a block jumped is
summed over after each block by moments (generalised pseudo-Bayes of first order, Bar-Shalom and Li 1993).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

DIMENSIONS = 3  # level, slope, effect
STEPS = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08)  # standard deviations on the arcsine scale: .01 is .01 of accuracy at .5
SLOPES = ((0.0, 0.0, 0.9), (0.01, 0.003, 0.9), (0.01, 0.001, 1.0))  # of the first slope, of its bends; damping
CORRELATIONS, SPREADS = (0.0, 0.6, 0.9), (0.02, 0.05, 0.1)  # of effects
STEP_SCALE, SPREAD_SCALE = 0.02, 0.05  # prior weights are exp(-step / 0.02 - spread / 0.05): small ones are likelier
JUMP, HAZARD = 0.3, 0.005  # standard deviation of a jump, and its probability at each block
FIRST_LEVEL, FIRST_SPREAD = 0.9, 0.35  # of the level before any observation: accuracies of .04 to 1 within 2 deviations


class VarianceGrid(NamedTuple):
    """Combinations of variances, each field (g,); standard deviations are on the arcsine scale, for each block.

    Attributes:
        step: of the level's steps.
        slope: of the slope before the first block.
        bend: of the slope's changes.
        damping: share of the slope that is left after each block.
        correlation: of the effects of neighbouring blocks.
        spread: of effects.
        log_prior: logarithm of the prior weight, up to a constant.
    """

    step: Numbers
    slope: Numbers
    bend: Numbers
    damping: Numbers
    correlation: Numbers
    spread: Numbers
    log_prior: Numbers


@cache
def grid() -> VarianceGrid:
    """Every step with every slope and every kind of effects."""
    effects = [(0.0, 0.0), *product(CORRELATIONS, SPREADS)]
    columns = np.asarray([(step, *slope, *effect) for step, slope, effect in product(STEPS, SLOPES, effects)]).T
    step, slope, bend, damping, correlation, spread = columns
    log_prior = -step / STEP_SCALE - spread / SPREAD_SCALE
    return VarianceGrid(step, slope, bend, damping, correlation, spread, log_prior)


def arcsine(correct: float, rows: float) -> float:
    """A count of right answers on the arcsine scale, in [0, pi / 2]."""
    return math.asin(math.sqrt((correct + 0.375) / (rows + 0.75)))


@dataclass(frozen=True, eq=False)
class FilteredState:
    """What the blocks so far say of level, slope and effect, under each of the (g,) combinations of variances.

    Attributes:
        weights: (g,) posterior probability of each combination; they sum to 1.
        mean: (3, g) of level, slope and effect after the last block.
        covariance: (3, 3, g) of the same.
    """

    weights: Numbers
    mean: Numbers
    covariance: Numbers


def filtered(correct: Sequence[float], rows: Sequence[float]) -> FilteredState:
    """Filter counts of right answers, one or more, in order.

    Args:
        correct: right answers of each block.
        rows: of each block, each 1 or more.
    """
    step, slope, bend, d, r, spread, log_weights = grid()
    zero, ones = np.zeros_like(step), np.ones_like(step)
    keep = np.stack([ones, d, r])
    noise = np.stack([step**2, bend**2, (1 - r**2) * spread**2])
    mean = np.stack([FIRST_LEVEL * ones, zero, zero])
    covariance = np.zeros((DIMENSIONS, *mean.shape))
    diagonal = np.arange(DIMENSIONS), np.arange(DIMENSIONS)
    covariance[diagonal] = FIRST_SPREAD**2 * ones, slope**2, spread**2
    stays, jumps = math.log1p(-HAZARD), math.log(HAZARD)
    for x, n in zip(correct, rows, strict=True):
        mean[0] += mean[1]
        mean *= keep
        covariance[0] += covariance[1]
        covariance[:, 0] += covariance[:, 1]
        covariance *= keep[:, None] * keep
        covariance[diagonal] += noise
        error = arcsine(x, n) - mean[0] - mean[2]
        still = covariance[:, 0] + covariance[:, 2]  # covariances with what is observed, (3, g)
        moved = still.copy()
        moved[0] += JUMP**2
        of_still = still[0] + still[2] + 1 / (4 * n + 2)  # variances of what is observed
        of_moved = of_still + JUMP**2
        log_still = stays - (np.log(of_still) + error**2 / of_still) / 2
        log_moved = jumps - (np.log(of_moved) + error**2 / of_moved) / 2
        both = np.logaddexp(log_still, log_moved)
        log_weights = log_weights + both
        moving = np.exp(log_moved - both)  # probability that this block jumped
        gain_still, gain_moved = still / of_still, moved / of_moved
        apart = gain_moved - gain_still
        mean += (gain_still + moving * apart) * error
        covariance[0, 0] += moving * JUMP**2
        covariance += (
            moving * (1 - moving) * error**2 * apart[:, None] * apart
            - (1 - moving) * gain_still[:, None] * still
            - moving * gain_moved[:, None] * moved
        )
    weights = np.exp(log_weights - log_weights.max())
    return FilteredState(weights / weights.sum(), mean, covariance)


def simulated(state: FilteredState, blocks: int, *, draws: int, rng: np.random.Generator) -> Numbers:
    """Future paths on the arcsine scale, (blocks, draws), without sampling error.

    Combinations of variances are drawn in proportion to their weights, evenly (systematic resampling).
    """
    evenly = (np.arange(draws) + 0.5) / draws
    chosen = np.searchsorted(np.cumsum(state.weights)[:-1], evenly)
    covariance = np.moveaxis(state.covariance[:, :, chosen], 2, 0) + 1e-10 * np.eye(DIMENSIONS)
    first = np.einsum("kij,kj->ik", np.linalg.cholesky(covariance), rng.standard_normal((draws, DIMENSIONS)))
    level, trend, effect = state.mean[:, chosen] + first
    step, _, bend, d, r, spread, _ = (values[chosen] for values in grid())
    renewed = spread * np.sqrt(1 - r**2)
    jumps = JUMP * rng.standard_normal((blocks, draws)) * (rng.random((blocks, draws)) < HAZARD)
    paths = np.empty((blocks, draws))
    for block, (of_level, of_trend, of_effect) in enumerate(rng.standard_normal((blocks, DIMENSIONS, draws))):
        level = level + trend + step * of_level + jumps[block]
        trend = d * trend + bend * of_trend
        effect = r * effect + renewed * of_effect
        paths[block] = level + effect
    return paths
