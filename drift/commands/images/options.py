"""Options that the laboratory's commands share, and where their pages go."""

from __future__ import annotations

from os import getpid
from pathlib import Path
from typing import Annotated

import typer

from drift.commands import options as o

DataSet = Annotated[
    str,
    typer.Option(
        "--data",
        help="mnist, fashion-mnist, cifar-10 (fetched once), or a folder with a subfolder of images for each class.",
        rich_help_panel=o.MAIN,
    ),
]
Perturbed = Annotated[
    str,
    typer.Option(
        "--perturbation",
        help="What changes the images: gaussian_blur, gaussian_noise, shot_noise, impulse_noise, rotation, shift, zoom,"
        ' brightness, contrast, pixelation, occlusion, cifar10_augmentation, a shift of "Failing Loudly" such as'
        " medium_image_shift, a composition of Albumentations in a JSON"
        " or YAML file, or none.",
        rich_help_panel=o.MAIN,
    ),
]
NetworkName = Annotated[
    str,
    typer.Option(
        "--network",
        help="small (a convolutional network, trained here), resnet18, or efficientnet-lite0; the last two begin"
        " with what they learnt on ImageNet.",
        rich_help_panel=o.MAIN,
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="ResNet-18's ImageNet weights as torchvision publishes them. Default: fetched.",
        rich_help_panel=o.MORE,
        show_default=False,
    ),
]
Quick = Annotated[
    bool,
    typer.Option("--quick", help="Fewer images to learn from, minutes instead of tens.", rich_help_panel=o.MAIN),
]
TrainRows = Annotated[
    int | None,
    typer.Option(
        "--train_rows",
        min=100,
        help="Images to learn from, of which a tenth judges epochs. Default: all; 10,000 with --quick.",
        rich_help_panel=o.MORE,
        show_default=False,
    ),
]
MaxEpochs = Annotated[
    int | None,
    typer.Option(
        "--max_epochs",
        min=1,
        help="Passes over them. Default: 10 (augment: 20); 4 with --quick.",
        rich_help_panel=o.MORE,
        show_default=False,
    ),
]
ReferenceRows = Annotated[
    int | None,
    typer.Option(
        "--reference_rows",
        min=20,
        help="Test images on which the network is accepted, and that others are compared with. Default: 1,000, or a"
        " third of the test images if there are fewer than 3,000.",
        rich_help_panel=o.MORE,
        show_default=False,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", help="Where the page goes. Default: reports/.", rich_help_panel=o.MORE, show_default=False),
]


def page_of(what: str) -> Path:
    """Where the page of an experiment goes by default."""
    from drift.loop.journal.records import now
    from drift.loop.project_dir import ProjectDir

    when = now()[:19].replace(":", "").replace("-", "")
    return ProjectDir().reports / f"images-{what}-{when}-{getpid()}.html"  # several may begin in one second
