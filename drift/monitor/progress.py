"""How long steps of the monitor report their progress."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # words, how much is done, of how much (0: not known)


def ignore_progress(words: str, done: int, total: int) -> None:
    """Report nothing."""
