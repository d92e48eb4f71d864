"""The error tree, and the exit codes that the commands promise.

    DriftError                 one line that says what to do; exit code 1
    ├── DataError              a table that cannot be used
    │   ├── BlockError         a block whose shape or values do not fit the model or the reference
    │   └── UnreachableError   what was to be downloaded could not be had from there
    ├── TrainingError          no trial gave a usable model
    ├── TrackingError          MLflow away, unknown experiment, a registry without the model
    ├── ServingError           TorchServe could not do what was asked
    │   ├── ServerError        it did not start, died, or never became ready (carries its log's tail)
    │   │   └── NoAnswerError  it gave no answer before the deadline: it is away, or hangs
    │   ├── PredictionError    it answered, but not with probabilities
    │   └── ArchiveError       an archive that was refused
    │       └── UntrustedError   a release of which nobody here knows where it comes from
    ├── ChampionChangedError   a challenger was compared with a version that is champion no more
    ├── DeliveryError          a message about an alert that could not be delivered
    ├── MissingPackageError    a package that is not installed; the line names the extra that holds it
    ├── StateError             the project's own folder: read-only, full, in use, or of no deployment
    └── UsageError             options that contradict each other; exit code 2

Foreign errors (requests, MLflow, SQLAlchemy, OSError) are mapped to these at the edge of the room
that meets them, with `raise ... from`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class ResumableInterrupt(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP in the middle of work that --resume goes on with."""


@contextmanager
def resumable() -> Iterator[None]:
    """What is interrupted inside can be gone on with."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise ResumableInterrupt from error


class ExitCode(IntEnum):
    """What a command's exit code means to a scheduler."""

    DONE = 0  # nothing needs a person
    ERROR = 1  # one line said what to do
    USAGE = 2  # the command line was wrong
    DRIFT = 3  # drift was flagged and the model was not retrained
    REFUSED = 4  # a challenger was trained and refused
    INTERRUPTED = 130  # Ctrl-C, SIGTERM or SIGHUP; nothing lost, --resume goes on


class DriftError(Exception):
    """Anything that the operator can act on: expected, got, what to do."""

    exit_code = ExitCode.ERROR


class DataError(DriftError):
    """A table that cannot be used; the message lists every problem found."""


class BlockError(DataError):
    """A block whose shape or values do not fit."""


class UnreachableError(DataError):
    """What was to be downloaded could not be had from there; the next address may do."""


class SmallReferenceWarning(UserWarning):
    """A reference smaller than ten blocks."""


class LittleOverlapWarning(UserWarning):
    """A block whose rows hardly occur in the reference that it is judged by."""


class TrainingError(DriftError):
    """No usable model came out of training."""


class TrackingError(DriftError):
    """MLflow could not be reached, or does not hold what was asked for."""


class ServingError(DriftError):
    """TorchServe could not do what was asked."""


class ServerError(ServingError):
    """The server did not start, died, or never became ready."""


class NoAnswerError(ServerError):
    """The server gave no answer before the deadline: it is away, or hangs."""


class PredictionError(ServingError):
    """The server answered with something other than probabilities."""


class ArchiveError(ServingError):
    """A model archive was refused."""


class UntrustedError(ArchiveError):
    """A release that was neither trained nor accepted here, nor signed by a trusted key."""


class ChampionChangedError(DriftError):
    """A challenger was compared with a version that is champion no more."""


class DeliveryError(DriftError):
    """A message about an alert could not be delivered; it waits, and is tried again."""


class MissingPackageError(DriftError):
    """A package that is not installed in this environment."""


class StateError(DriftError):
    """The project's own folder cannot be used as asked."""


class UsageError(DriftError):
    """Options that contradict each other."""

    exit_code = ExitCode.USAGE
