"""Networks for images: built by name, fitted by the loop of all networks, saved, and asked."""

from drift.models.images.cache import cached_features
from drift.models.images.fitting import HEAD, Augment, Labelled, fit_head, fit_images, recipe
from drift.models.images.model import NETWORKS, ImageModel, new_model
from drift.models.images.network import ImageNetwork

__all__ = [
    "HEAD",
    "NETWORKS",
    "Augment",
    "ImageModel",
    "ImageNetwork",
    "Labelled",
    "cached_features",
    "fit_head",
    "fit_images",
    "new_model",
    "recipe",
]
