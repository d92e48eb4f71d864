"""Perturbations of images: a few files by kind. To add one: in its file here, and its import line below."""

from drift.images.perturbations.compositions import Cifar10Augmentation as Cifar10Augmentation
from drift.images.perturbations.compositions import FromAlbumentations as FromAlbumentations
from drift.images.perturbations.geometry import Rotation as Rotation
from drift.images.perturbations.geometry import Shift as Shift
from drift.images.perturbations.geometry import Zoom as Zoom
from drift.images.perturbations.light import Brightness as Brightness
from drift.images.perturbations.light import Contrast as Contrast
from drift.images.perturbations.noise import GaussianNoise as GaussianNoise
from drift.images.perturbations.noise import ImpulseNoise as ImpulseNoise
from drift.images.perturbations.noise import ShotNoise as ShotNoise
from drift.images.perturbations.occlusion import Occlusion as Occlusion
from drift.images.perturbations.protocol import Perturbation as Perturbation
from drift.images.perturbations.protocol import Seeded as Seeded
from drift.images.perturbations.resolution import GaussianBlur as GaussianBlur
from drift.images.perturbations.resolution import Pixelation as Pixelation

PERTURBATIONS: dict[str, type[Seeded]] = {
    kind.name: kind
    for kind in list(vars().values())
    if isinstance(kind, type) and issubclass(kind, Seeded) and isinstance(kind.name, str)
}
"""Every perturbation of this folder by its name; each is made from nothing, and has options with defaults."""
