"""Policies by name, as the command line and the tables know them: `harm`, `every:4`, `spaced:10`, `adwin`.

A name is a policy and its values after colons: `forecast:3:.7` retrains when accuracy is expected below .7 in 3 blocks.
Every detector is a policy by its own name: it retrains on alarm. After an at sign stands what a retrain learns from, if
not the usual window: `every:4@2016` rows, `harm@change`, those since accuracy changed. After a plus stands how the
versions trained so far answer, if not the newest alone: `spaced:10+mix`, `harm+recall`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TypeAlias

from drift.blocks import Reference
from drift.detect import DETECTORS, STREAMING, Detector
from drift.errors import UsageError
from drift.loop.policies import (
    CHANGE,
    FORECAST,
    BelowThreshold,
    CostAware,
    Every,
    ForecastBelow,
    Never,
    OnAlarm,
    Policy,
    SinceChange,
    Spaced,
    Window,
    blocks_ahead,
)
from drift.replay.answering import ANSWERINGS, Answering, Newest
from drift.secrets import masked

NEWEST = Newest()
ANY_BLOCKS = 2**31  # more than a stream has
ORACLE = "oracle"  # not decided block by block: it is computed from what every model would have answered

COUNTED = re.compile(rf"(?P<kind>every|spaced|{ORACLE}):(?P<count>\d+)(?P<rest>.*)")  # a number of blocks or retrains

THRESHOLD = 0.7  # of the policies `threshold` and `forecast`, where their name does not say

_Maker: TypeAlias = Callable[[float, int], Policy]
MADE: dict[str, tuple[_Maker, float | None, str]] = {
    "never": (lambda value, blocks: Never(), None, "never retrain"),
    "every": (lambda value, blocks: Every(int(value)), 1, "every:K, after every K blocks"),
    "spaced": (lambda value, blocks: Spaced(int(value), blocks), 10, "spaced:R, R retrains at even distances"),
    "threshold": (
        lambda value, blocks: BelowThreshold(value),
        THRESHOLD,
        "threshold:A, when a block's accuracy is below A",
    ),
    "cost": (lambda value, blocks: CostAware(value), 200, "cost:N, when N right answers or more are to be gained"),
}
"""How each is made from its value and the number of blocks, its default value (None: it takes none), and its help."""


@dataclass(frozen=True)
class Contender:
    """A policy, and the detector that it listens to."""

    name: str
    policy: Policy
    detector: Callable[[Reference], Detector] | None = None
    answering: Answering = NEWEST


def contender(name: str, blocks: int) -> Contender:
    """The policy called `name`, for a stream of so many blocks.

    Raises:
        UsageError: no such policy, or a value that it does not take.
    """
    if "://" in name:  # its parts would not be seen to be of an address with a password
        raise UsageError(f"expected a policy, got {masked(name)!r}")
    plain, plus, answers = name.partition("+")
    answering = ANSWERINGS.get(answers) if plus else NEWEST
    if answering is None:
        raise UsageError(f"expected {plain} with +{' or +'.join(ANSWERINGS)}, or without; got {name!r}")
    plain, at, window = plain.partition("@")
    if at and window != CHANGE and not (window.isdecimal() and int(window) > 0):
        raise UsageError(f"expected {plain} with @{CHANGE}, @ROWS of the window, or without; got {name!r}")
    found = _without_window(name, plain, blocks, answering)
    if not at:
        return found
    policy = SinceChange(found.policy) if window == CHANGE else Window(found.policy, int(window))
    return replace(found, policy=policy)


def check_names(names: Sequence[str]) -> None:
    """Raise `UsageError` for a policy that no stream has, before a stream is read; its length may refuse others."""
    for name in names:
        if oracle_retrains(name) is None:
            contender(name, ANY_BLOCKS)


def lowered(names: Sequence[str], blocks: int) -> list[str]:
    """Policies that all fit a stream of so many blocks: numbers of retrains, and K of every:K, are below it.

    With a single block, after which nothing is left to answer, policies with such a number are left out.
    """
    fitting = []
    for name in names:
        counted = COUNTED.fullmatch(name)
        if counted is None or int(counted["count"]) < blocks:
            fitting.append(name)
        elif blocks > 1:
            fitting.append(f"{counted['kind']}:{blocks - 1}{counted['rest']}")
    return list(dict.fromkeys(fitting))


def _without_window(name: str, plain: str, blocks: int, answering: Answering) -> Contender:
    kind, colon, text = plain.partition(":")
    detectors: dict[str, Callable[[Reference], Detector]] = {**DETECTORS, **STREAMING}
    if kind in detectors and not colon:
        return Contender(name, OnAlarm(kind), detectors[kind], answering)
    if kind == FORECAST:
        return Contender(name, _forecast(name, text if text or not colon else colon), answering=answering)
    if kind not in MADE:
        raise UsageError(
            f"expected policies among {', '.join(MADE)}, {FORECAST}:BLOCKS:ACCURACY, {ORACLE}:R and the detectors"
            f" {', '.join(sorted(detectors))}; got {name!r}"
        )
    make, default, words = MADE[kind]
    try:
        value = float(text) if colon else (default or 0.0)
    except ValueError as error:
        raise UsageError(f"expected {words}; got {name!r}") from error
    counts, share = kind in ("every", "spaced"), kind == "threshold"
    if (
        not isfinite(value)
        or (counts and (not value.is_integer() or value >= blocks))
        or (share and not 0 <= value <= 1)
    ):
        raise UsageError(f"expected {words} ({'0 to 1' if share else f'of {blocks} blocks'}); got {name!r}")
    if colon and default is None:
        raise UsageError(f"expected {kind} without a value, got {name!r}")
    return Contender(name, make(value, blocks), answering=answering)


def _forecast(name: str, text: str) -> Policy:
    """Of `BLOCKS`, `BLOCKS:ACCURACY` or nothing."""
    blocks, colon, accuracy = text.partition(":")
    try:
        threshold = float(accuracy) if colon else THRESHOLD
        if not 0 <= threshold <= 1:
            raise ValueError(accuracy)
    except ValueError as error:
        raise UsageError(
            f"expected {FORECAST}:BLOCKS:ACCURACY, such as {FORECAST}:3:.7, with an accuracy from 0 to 1; got {name!r}"
        ) from error
    return ForecastBelow(threshold, blocks_ahead(blocks))


def oracle_retrains(name: str) -> int | None:
    """How many retrains an oracle of that name may make; None if it is another policy's name."""
    kind, colon, text = name.partition(":")
    if kind != ORACLE:
        return None
    try:
        retrains = int(text) if colon else 10
        if retrains < 0:
            raise ValueError(text)
    except ValueError as error:
        raise UsageError(f"expected {ORACLE}:R, the best R retrains in hindsight, 0 or more; got {name!r}") from error
    return retrains
