"""Policies by name, as the command line and tables know them: `harm`, `every:4`, `spaced:10`, `adwin@change`.

A name is a policy and its values after colons: `forecast:3:.7` retrains when accuracy is expected below .7 in 3 blocks.
After an at sign stands what a retrain learns from, if not the usual window: `every:4@2016` rows, or `harm@change`,
those since accuracy changed. After a plus stands how the versions trained so far answer in a replay, if not the newest
alone: `spaced:10+mix`, `harm+recall`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from drift.errors import UsageError
from drift.policies import DECLARED, DETECTOR_NAMES, POLICIES
from drift.policies.protocol import MakeDetector, Policy, PolicyDeclaration, PolicySettings
from drift.policies.window import CHANGE, SinceChange, Window
from drift.system.secrets import masked

NEWEST = "newest"
COMBINATIONS = {"recall": "the version that was right most often lately", "mix": "a weighted mean of all versions"}


@dataclass(frozen=True)
class ParsedPolicy:
    """A policy's name, taken apart.

    Attributes:
        name: as it was given.
        declaration: of the policy.
        values: numbers after its name, one for each parameter; None where the name does not give it.
        window: rows that a retrain learns from; None for the usual ones, and with `since_change`.
        since_change: whether it learns from the rows since accuracy changed.
        answering: how the versions trained so far answer in a replay: `newest`, or one of `COMBINATIONS`.
    """

    name: str
    declaration: PolicyDeclaration
    values: tuple[float | None, ...]
    window: int | None = None
    since_change: bool = False
    answering: str = NEWEST

    @property
    def replay_only(self) -> str:
        """Why it cannot be deployed; empty if it can."""
        if self.answering != NEWEST:
            return f"+{self.answering} answers with versions trained earlier, and a deployment serves one version"
        return self.declaration.replay_only

    @property
    def needs_hindsight(self) -> bool:
        """Whether it is made from the labels of all blocks."""
        return self.declaration.hindsight

    def policy(self, settings: PolicySettings) -> Policy:
        """The policy itself.

        Args:
            settings: what the name leaves to the command.

        Raises:
            UsageError: a value that does not fit the number of blocks, or too small a window.
        """
        policy = self.declaration.make(settings, *self._filled(settings))
        if self.since_change:
            return SinceChange(policy, settings.least_since_change)
        if self.window is None:
            return policy
        if self.window < settings.least_window:
            raise UsageError(f"expected a window of {settings.least_window} rows or more, got {self.name!r}")
        return Window(policy, self.window)

    def detector(self, settings: PolicySettings) -> MakeDetector | None:
        """What makes the detector whose scores the policy reads, from a reference; None if it reads none."""
        make = self.declaration.detector
        return None if make is None else make(settings, *self._filled(settings))

    def fitted(self, blocks: int) -> ParsedPolicy | None:
        """The same with numbers that fit a stream of so many blocks: those of blocks and of retrains are below it.

        Returns:
            None if there is no such number: with a single block nothing is left to answer after a retrain.
        """
        values = list(self.values)
        for at, parameter in enumerate(self.declaration.parameters):
            number = values[at]
            if parameter.of_stream and number is not None and number >= blocks:
                if blocks - 1 < max(1, parameter.low):
                    return None
                values[at] = blocks - 1
        if tuple(values) == self.values:
            return self
        kind, _, text = self.name.partition(":")
        suffix = re.sub(r"^[^@+]*", "", text)
        name = ":".join([kind, *(f"{value:g}" for value in values if value is not None)]) + suffix
        return replace(self, name=name, values=tuple(values))

    def _filled(self, settings: PolicySettings) -> list[float]:
        parameters = self.declaration.parameters
        return [parameter.value(number, settings) for parameter, number in zip(parameters, self.values, strict=True)]


def parse_policy(name: str) -> ParsedPolicy:
    """Take the name of a policy apart.

    Args:
        name: such as `forecast:3:.7@change`.

    Raises:
        UsageError: no such policy, or a value that it does not take.

    >>> parsed = parse_policy("spaced:10@2016")
    >>> parsed.values, parsed.window, parsed.policy(PolicySettings(blocks=44)).name
    ((10.0,), 2016, 'spaced:10@2016')
    """
    if "://" in name:  # its parts would not be seen to be of an address with a password
        raise UsageError(f"expected a policy among {', '.join(known_forms())}; got {masked(name)!r}")
    plain, plus, answering = name.partition("+")
    if plus and answering not in COMBINATIONS:
        raise UsageError(f"expected {plain} with +{' or +'.join(COMBINATIONS)}, or without; got {name!r}")
    plain, at, window = plain.partition("@")
    if at and window != CHANGE and not (window.isdecimal() and int(window) > 0):
        raise UsageError(f"expected {plain} with @{CHANGE}, @ROWS of the window, or without; got {name!r}")
    kind, *texts = plain.split(":")
    declaration = POLICIES.get(kind)
    if declaration is None:
        raise UsageError(f"expected a policy among {', '.join(known_forms())}; got {name!r}")
    if declaration.hindsight and (at or plus):
        raise UsageError(f"expected {declaration.form} with nothing after it, got {name!r}")
    return ParsedPolicy(
        name,
        declaration,
        _values(name, declaration, texts),
        window=int(window) if at and window != CHANGE else None,
        since_change=window == CHANGE,
        answering=answering or NEWEST,
    )


def names_in(text: str) -> list[str]:
    """The policies of a list with commas, without duplicates.

    Raises:
        UsageError: there is none, or one that no policy is called.

    >>> names_in("never, harm,never")
    ['never', 'harm']
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError("expected one policy or more, such as never,harm; got none")
    for name in names:
        parse_policy(name)
    return names


def fit_names(names: Sequence[str], blocks: int) -> list[str]:
    """Policies that all fit a stream of so many blocks, without duplicates: see `ParsedPolicy.fitted`."""
    fitted = (parse_policy(name).fitted(blocks) for name in names)
    return list(dict.fromkeys(parsed.name for parsed in fitted if parsed is not None))


def known_forms() -> list[str]:
    """Every policy with its parameters, the detectors last."""
    return [*(entry.form for entry in DECLARED.values()), *DETECTOR_NAMES]


def _values(name: str, declaration: PolicyDeclaration, texts: Sequence[str]) -> tuple[float | None, ...]:
    parameters = declaration.parameters
    if len(texts) > len(parameters):
        many = f"at most {len(parameters)} values" if parameters else "no value"
        raise UsageError(f"expected {declaration.form} with {many}, got {name!r}")
    values: list[float | None] = [None] * len(parameters)
    for at, (parameter, text) in enumerate(zip(parameters, texts, strict=False)):
        values[at] = parameter.read(text)
        if values[at] is None:
            raise UsageError(
                f"expected {declaration.form}, {declaration.help}, with {parameter.range} for {parameter.name};"
                f" got {name!r}"
            )
    return tuple(values)
