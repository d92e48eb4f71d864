"""Further tries after a refused challenger: with a larger search, then on another window, at one level over all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice

from drift.loop.options import LEAST_WINDOW, RetrainOptions

MOST_TRIALS = 64  # of one search


@dataclass(frozen=True)
class Try:
    """One try of several.

    Attributes:
        number: from 1.
        of: tries at most, at least 1.
        options: of this try; its level is that of all tries divided by `of`.
        words: what is different from the try before it.
    """

    number: int
    of: int
    options: RetrainOptions
    words: str


def tries(options: RetrainOptions, seen_rows: int) -> Iterator[Try]:
    """The first try and `options.until_accepted` further ones; arguments as those of `kinds`."""
    return islice(kinds(options, seen_rows), 1 + options.until_accepted)


def kinds(options: RetrainOptions, seen_rows: int) -> Iterator[Try]:
    """The first try and what may follow it, without end: tries that would repeat a refused challenger are left out.

    Every second try has twice as many trials as the one before it, 64 at most; the tries between these take another
    window: half of the first, then twice as much, a quarter, four times as much, and so on, from 200 rows to all that
    were seen. Where no window is left, the search grows again.

    The level is divided by the number of tries (Bonferroni), so that a challenger that is equal to the champion is
    promoted by any of them with a probability of `options.level` at most, whatever rows the tries share.

    Args:
        options: of the first try; `level` is that of all tries together.
        seen_rows: number of rows that a challenger may use, at least 1.
    """
    of = 1 + options.until_accepted
    now = replace(options, level=options.level / of)
    yield Try(1, of, now, "")
    windows = _windows(min(options.window_rows or seen_rows, seen_rows), seen_rows)
    for number in count(2):
        window = next(windows, None) if number % 2 else None
        if window is not None:
            now = replace(now, window_rows=window)
            yield Try(number, of, now, f"on the last {window:,} rows")
            continue
        trials = min(2 * now.train.total_trials, max(MOST_TRIALS, now.train.total_trials))
        train = replace(now.train, total_trials=trials, seed=now.train.seed + (trials == now.train.total_trials))
        now = replace(now, train=train)
        yield Try(number, of, now, f"with a search of {trials} trials")


def _windows(first: int, seen: int) -> Iterator[int]:
    factor = 2
    while first // factor >= LEAST_WINDOW or first * factor <= seen:
        if first // factor >= LEAST_WINDOW:
            yield first // factor
        if first * factor <= seen:
            yield first * factor
        factor *= 2
