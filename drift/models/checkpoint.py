"""How far a fit is, in one file that is there whole or not at all; the fitting loop writes it after each epoch."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from drift.errors import StateError
from drift.system.disk import write_at_once

FORMAT = 1


class Checkpoint:
    """Weights, the optimiser's state, the place in the cycle, the state of the draws, and what the epochs gave."""

    def __init__(self, path: Path, of: str, module: torch.nn.Module, optimizer: Any, schedule: Any) -> None:
        """`of` says which fit it is (a digest): no other one goes on from it."""
        self.path = path
        self.of = of
        self._parts = {"module": module, "optimizer": optimizer, "schedule": schedule}

    def write(self, epochs: list[dict[str, float]]) -> None:
        """Remember how far the fit is.

        Raises:
            StateError: the file cannot be written.
        """
        states = {name: part.state_dict() for name, part in self._parts.items()}
        draws = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
        content = BytesIO()
        torch.save({"format": FORMAT, "of": self.of, "epochs": epochs, "draws": draws, **states}, content)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_at_once(self.path, content.getvalue())
        except OSError as error:
            raise StateError(f"the fit cannot be remembered in {self.path}: {error.strerror or error}") from error

    def resume(self) -> list[dict[str, float]]:
        """Put everything where it was, and return what the epochs gave; nothing changes where there is no file.

        Raises:
            StateError: the file cannot be read, or is another fit's.
        """
        if not self.path.exists():
            return []
        try:
            saved = torch.load(self.path, weights_only=True, map_location="cpu")
            same = saved["format"] == FORMAT and saved["of"] == self.of
            if same:
                for name, part in self._parts.items():
                    part.load_state_dict(saved[name])
                torch.set_rng_state(saved["draws"][0])
                if torch.cuda.is_available():
                    torch.cuda.set_rng_state_all(saved["draws"][1:])
                return list(saved["epochs"])
        except Exception as error:  # torch's reader fails in a dozen ways on what is no such file
            raise StateError(
                f"{self.path} is not a fit to go on with ({type(error).__name__}); delete it to begin anew"
            ) from error
        raise StateError(f"{self.path} is of a fit with other data, options or first weights; delete it to begin anew")
