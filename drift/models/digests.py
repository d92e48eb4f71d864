"""What arrays and words amount to, as one SHA-256: for files that are good for these weights and this data only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

Part: TypeAlias = str | torch.Tensor | NDArray[Any] | Mapping[str, torch.Tensor]


def digest(*parts: Part) -> str:
    """SHA-256 of words, arrays (type, shape and values) and state dicts, in their order; 64 hexadecimal digits."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(f"{len(part)} {part}".encode())
        elif isinstance(part, Mapping):
            for name, tensor in part.items():
                total.update(digest(name, tensor).encode())
        else:
            values = np.ascontiguousarray(part.detach().cpu().numpy() if isinstance(part, torch.Tensor) else part)
            total.update(f"{values.dtype} {values.shape}".encode())
            total.update(values.data)
    return total.hexdigest()
