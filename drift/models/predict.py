"""A model in this process as a `Predictor`: what the server's answers are checked against."""

from __future__ import annotations

from pathlib import Path

import torch

from drift.blocks import Answer, Floats


class LocalPredictor:
    """Answers from a module in memory."""

    def __init__(self, module: torch.nn.Module, *, version: int = 0) -> None:
        self.module = module
        self.version = version

    @classmethod
    def from_file(cls, path: Path, *, version: int = 0) -> LocalPredictor:
        """Load an exported program (.pt2) that we wrote: the caller has checked its digest."""
        return cls(torch.export.load(path).module(), version=version)

    def to_file(self, path: Path, *, width: int) -> None:
        """Export for rows of `width` features, any number of them, as .pt2."""
        example = torch.zeros(2, width)  # one row would fix their number at 1
        shapes = ({0: torch.export.Dim("rows")},)
        torch.export.save(torch.export.export(self.module.eval(), (example,), dynamic_shapes=shapes), path)

    def predict(self, features: Floats) -> Answer:
        """Class probabilities of `features` (n, d)."""
        with torch.no_grad():
            probabilities = self.module(torch.as_tensor(features))
        return Answer(probabilities.numpy(), self.version)
