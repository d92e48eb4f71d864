"""The rows of a source for PyTorch, for a model that is to be run again on data larger than memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from drift.data.readers import Chunks


class RowDataset(IterableDataset[torch.Tensor]):
    """Features row by row, as float32 tensors (d,); with several workers every row comes from just one of them.

    Each worker reads the whole source and answers with its share, so workers help where what follows is slow.
    """

    def __init__(self, source: Chunks, features: Sequence[str]) -> None:
        """`features` are the names of columns of numbers, (d,)."""
        super().__init__()
        self.source, self.features = source, tuple(features)

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Rows in the source's order."""
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        first = 0
        for frame in self.source:
            values = torch.from_numpy(frame[list(self.features)].to_numpy(np.float32, copy=True))
            yield from values[(number - first) % workers :: workers]
            first += len(frame)
