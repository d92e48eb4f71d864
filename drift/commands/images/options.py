"""Options that the laboratory's commands share, and where their pages go."""

from __future__ import annotations

from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from drift.errors import UsageError
from drift.loop.options import Experiment
from drift.system.options import MORE, Option

if TYPE_CHECKING:
    from drift.images.streams.evolution import Perturb

DataSet = Annotated[
    str,
    Option(
        "mnist, fashion-mnist, cifar-10 (fetched once), or a folder with a subfolder of images for each class.",
        name="data",
    ),
]
PerturbationName = Annotated[
    str,
    Option(
        "What changes the images: gaussian_blur, gaussian_noise, shot_noise, impulse_noise, rotation, shift, zoom,"
        ' brightness, contrast, pixelation, occlusion, cifar10_augmentation, a shift of "Failing Loudly" such as'
        " medium_image_shift, a composition of Albumentations in a JSON or YAML file, or none."
    ),
]
ReferenceRows = Annotated[
    int | None,
    Option(
        "Test images on which the network is accepted, and that others are compared with. Default: 1,000, or a third of"
        " the test images if there are fewer than 3,000.",
        MORE,
        min=20,
    ),
]


@dataclass(frozen=True)
class OutputOptions:
    """Where an experiment's results go."""

    experiment: Experiment = "drift-images"
    html: Annotated[Path | None, Option("Where the page goes. Default: reports/.", MORE)] = None

    def page(self, what: str) -> Path:
        """The page of an experiment; several may begin in one second."""
        from drift.loop.project_dir import ProjectDir

        default = ProjectDir().new_report(f"images-{what}")
        return self.html or default.with_stem(f"{default.stem}-{getpid()}")


def required_perturbation(name: str, to_do: str) -> Perturb:
    """A perturbation that an experiment cannot do without.

    Raises:
        UsageError: none, or no such perturbation.
    """
    from drift.images.experiments import perturb_by

    changes = perturb_by(name)
    if changes is None:
        raise UsageError(f"expected a --perturbation to {to_do}, got none")
    return changes


def require_choice(option: str, value: str, choices: Any) -> None:
    """Raise `UsageError` for a value that is none of the choices."""
    if value not in choices:
        raise UsageError(f"expected --{option} {', '.join(choices)}; got {value!r}")
