"""What a deployment that the server failed says last: how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from drift import next_steps
from drift.errors import ServingError


@contextmanager
def resume_named(model: str) -> Iterator[None]:
    """Add to an error of the server how the deployment of `model` goes on after its last committed block."""
    try:
        yield
    except ServingError as error:
        again = next_steps.resume_deployment(model)
        error.args = (f"{error}; every block scored so far is kept; to go on: {again}",)
        raise
