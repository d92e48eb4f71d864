"""Weights that others published: from a file or an address, checked name by name. Nothing in them can run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch

from drift.datasets.fetch import Tell, Url, cache_folder, obtain
from drift.errors import DataError
from drift.models.images.network import ImageNetwork

State: TypeAlias = Mapping[str, torch.Tensor]
COUNTED = ".num_batches_tracked"  # of batch norm: files of before 2018 do without, and nothing depends on it here


def from_file(path: Path) -> State:
    """Tensors by name, of a file that torch wrote.

    Raises:
        DataError: no such file, or nothing but tensors was expected of it and something else came.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch's reader fails in a dozen ways on what is no such file
        reason = error.strerror if isinstance(error, OSError) else "a file that torch did not write"
        raise DataError(f"expected weights in {path}, got {reason or error}") from error
    if not isinstance(state, Mapping) or not all(isinstance(part, torch.Tensor) for part in state.values()):
        raise DataError(f"expected weights in {path}: tensors by name, as state_dict() gives them")
    return state


def downloaded(address: str, *, tell: Tell) -> Path:
    """A file that is downloaded once, into the cache, and whose name ends in the start of its SHA-256.

    Args:
        address: of the file.
        tell: hears how much of it is there.

    Raises:
        DataError: it cannot be had from there, or is another file.
    """
    name = address.rsplit("/", 1)[-1]
    folder = cache_folder() / "weights"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return obtain(Url((address,), name.removesuffix(".pth").rsplit("-", 1)[-1]), folder, tell=tell)
    except (DataError, OSError) as error:
        raise DataError(
            f"{name} could not be downloaded ({error}): download {address} elsewhere and give it as --weights FILE, or"
            " take --network efficientnet-lite0, whose weights a package brings, or small"
        ) from error


def take_body(net: ImageNetwork, state: State, published: State, *, of: str) -> None:
    """Copy weights into a network, all but the head's.

    Args:
        net: what learns.
        state: what was read.
        published: names and shapes that are expected; their values are not looked at.
        of: where it was read from, for errors.

    Raises:
        DataError: a name is missing or unknown, or a shape is another one.
    """
    needed = {name for name in published if not name.endswith(COUNTED)}
    problems = [f"{name} is missing" for name in sorted(needed - set(state))]
    problems += [f"{name} is unknown" for name in sorted(set(state) - set(published))]
    problems += [
        f"{name} is {tuple(state[name].shape)}, not {tuple(part.shape)}"
        for name, part in published.items()
        if name in state and state[name].shape != part.shape
    ]
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise DataError(f"expected the weights of {net.name} in {of}: {', '.join(problems[:3])}{more}")
    own = net.state_dict()
    net.load_state_dict({name: state[name] if name in state and name in net.body_state else own[name] for name in own})
