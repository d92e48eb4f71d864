"""Weights that others published: from a file or an address, checked name by name. Nothing in them can run."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import torch

from drift.errors import DataError
from drift.models.images.network import ImageNetwork

State: TypeAlias = Mapping[str, torch.Tensor]
PATIENCE = 20.0  # seconds without a byte
COUNTED = ".num_batches_tracked"  # of batch norm: files of before 2018 do without, and nothing depends on it here


def from_file(path: Path) -> State:
    """Tensors by name, of a file that torch wrote.

    Raises:
        DataError: no such file, or nothing but tensors was expected of it and something else came.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch's reader fails in a dozen ways on what is no such file
        reason = error.strerror if isinstance(error, OSError) else "is not a file of weights that torch wrote"
        raise DataError(f"expected weights in {path}: {reason or error}") from error
    if not isinstance(state, Mapping) or not all(isinstance(part, torch.Tensor) for part in state.values()):
        raise DataError(f"expected weights in {path}: tensors by name, as state_dict() gives them")
    return state


def downloaded(address: str, folder: Path | None = None) -> State:
    """Tensors by name, of a file that is downloaded once and whose name ends in the start of its SHA-256.

    Args:
        address: of the file.
        folder: where it is kept; None for torch's own cache.

    Raises:
        DataError: it cannot be had from there, or is another file.
    """
    name = address.rsplit("/", 1)[-1]
    try:
        with _patience():
            return torch.hub.load_state_dict_from_url(  # type: ignore[no-any-return]
                address,
                model_dir=None if folder is None else str(folder),
                map_location="cpu",
                progress=False,
                check_hash=True,
                weights_only=True,
            )
    except Exception as error:  # as above, and all that may happen on the way
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(
            f"{name} could not be downloaded ({str(why).splitlines()[0]}): download {address} elsewhere and give it as"
            " --weights FILE, or take the network efficientnet-lite0, whose weights a package brings, or small"
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


@contextmanager
def _patience() -> Iterator[None]:
    """Connections made inside give up on a server that says nothing."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
