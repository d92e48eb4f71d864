"""Warnings about policies whose threshold flags most blocks without drift, one for each policy of a replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drift.loop.advice.threshold_advice import ThresholdAdvice, threshold_advice
from drift.policies.history import BlockRecord
from drift.policies.parser import parse_policy
from drift.policies.protocol import PolicySettings, threshold_of
from drift.replays.experiment import ReplayResults
from drift.replays.play import PolicyRun


@dataclass(frozen=True)
class PolicyAdvice:
    """A policy with a threshold that is too high for versions that it trained.

    Attributes:
        policy: its name.
        versions: number of versions, over all seeds, for which the threshold is too high.
        of: number of versions that answered.
        first: the advice for the first of them; its accepted accuracy is that of the version's first block.
    """

    policy: str
    versions: int
    of: int
    first: ThresholdAdvice

    @property
    def words(self) -> str:
        """The same for people."""
        finding = self.first.finding("a threshold of")
        return f"warning: policy {self.policy}, {self.versions} of {self.of} versions: {finding}"


def policy_advice(results: ReplayResults) -> list[PolicyAdvice]:
    """One for each policy whose threshold is above, or close to, the accuracy that a version was accepted with."""
    advised = []
    for name in results.names:
        settings = PolicySettings(len(results.stream.blocks), hindsight=lambda retrains: ())
        threshold = threshold_of(parse_policy(name).policy(settings))
        if threshold is None:
            continue
        firsts = [block for outcome in results.of(name) for block in _accepted_on(outcome.run)]
        advice = [threshold_advice(threshold, block.accuracy, results.stream.block_size) for block in firsts]
        too_high = [each for each in advice if each is not None]
        if too_high:
            advised.append(PolicyAdvice(name, len(too_high), len(firsts), too_high[0]))
    return advised


def _accepted_on(played: PolicyRun) -> Iterator[BlockRecord]:
    """The first block of each version."""
    version = None
    for block in played.blocks:
        if block.version != version:
            version = block.version
            yield block
