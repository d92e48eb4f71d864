"""What a command said beside its progress, which it reports after some seconds and so on a busy machine only."""


def without_progress(stderr: str) -> str:
    """The lines of standard error that are no progress."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not line.startswith("progress: "))
