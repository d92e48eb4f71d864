"""A model in this process as a `Predictor`: what the server's answers are checked against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drift.data.blocks import Answer, Floats
from drift.errors import ArchiveError

if TYPE_CHECKING:
    import torch

    from drift.models.exported_program import RefusedProgramError


class LocalPredictor:
    """Answers from a module in memory."""

    def __init__(self, module: torch.nn.Module, *, version: int = 0) -> None:
        self.module = module
        self.version = version

    @classmethod
    def from_file(cls, path: Path, *, version: int = 0) -> LocalPredictor:
        """Load an exported program (.pt2); nothing that its writer chose is run.

        Raises:
            ArchiveError: it holds more than a network, or is damaged.
        """
        from drift.models.exported_program import RefusedProgramError, load_program

        try:
            return cls(load_program(path), version=version)
        except RefusedProgramError as error:
            raise _refused(path, error) from error

    def to_file(self, path: Path, *, width: int) -> None:
        """Export for rows of `width` features, any number of them, as .pt2."""
        import torch

        example = torch.zeros(2, width)  # one row would fix their number at 1
        shapes = ({0: torch.export.Dim("rows")},)
        torch.export.save(torch.export.export(self.module.eval(), (example,), dynamic_shapes=shapes), path)

    def predict(self, features: Floats) -> Answer:
        """Class probabilities of `features` (n, d)."""
        import torch

        with torch.no_grad():
            probabilities = self.module(torch.as_tensor(features))
        return Answer(probabilities.numpy(), self.version)


def require_program(path: Path) -> None:
    """Return if an exported program (.pt2) can be loaded without running anything that its writer chose.

    Raises:
        ArchiveError: it holds more than a network, or is damaged.
    """
    from drift.models.exported_program import RefusedProgramError, checked_file

    try:
        checked_file(path)
    except RefusedProgramError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: RefusedProgramError) -> ArchiveError:
    return ArchiveError(
        f"{path.name} is refused: expected an exported network that torch.export.save wrote, got {error}; nothing of it"
        " was run: train the model again, or find out who changed it"
    )
