"""Images and perturbations by name, and networks that are trained once and kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drift.data.blocks import Answer, Floats
from drift.datasets.fetch import cache_folder
from drift.datasets.images import Images, load_images
from drift.datasets.images.pixels import Pixels
from drift.errors import DataError, UsageError
from drift.images.streams.evolution import Perturb
from drift.models.digests import digest
from drift.models.images import HEAD, ImageModel, cached_features, fit_head, fit_images, new_model, recipe
from drift.system.devices import resolve_device
from drift.system.disk import write_at_once

if TYPE_CHECKING:
    from drift.models.fit import Epoch

Tell = Callable[[str, int, int], None]
"""Of what is being done, how far it is, and of how much."""

MEGABYTE = 1_000_000
NONE = "none"
EVENTS, PROJECTOR = "events.out.tfevents.", "projector_config.pbtxt"  # what TensorBoard's folder holds
WORTH_KEEPING = 500  # images
FIT = "fit.json"  # beside a network: what its fit was like


class CachedNetwork:
    """A model whose features of the same images are computed once, and kept."""

    def __init__(self, model: ImageModel, folder: Path, *, epochs: int) -> None:
        """`epochs`: how many the fit got through, the last one perhaps in part."""
        self.model = model
        self.epochs = epochs
        self._folder = folder

    def predict(self, features: Pixels) -> Answer:
        """Class probabilities (n, classes) of images."""
        return self.model.predict(features)

    def features(self, pixels: Pixels) -> Floats:
        """What the last layer is given, (n, d); of few images it is quicker computed than kept."""
        if len(pixels) < WORTH_KEEPING:
            return self.model.features(pixels)
        return cached_features(self.model, pixels, self._folder)


def images_of(name: str, *, tell: Tell) -> tuple[Images, Images]:
    """The training and test images of a data set or folder, fetched if need be.

    Raises:
        DataError: no such images, or none that can be had.
    """
    progress = in_megabytes(tell)
    return load_images(name, "train", tell=progress), load_images(name, "test", tell=progress)


def in_megabytes(tell: Tell) -> Callable[[str, int, int | None], None]:
    """Of downloads, which tell bytes, and may not know how many there are."""
    return lambda words, done, total: tell(f"{words}, MB", done // MEGABYTE, max(1, (total or done) // MEGABYTE))


def perturb_by(name: str) -> Perturb | None:
    """The perturbation of a name, or of a file that holds a composition of Albumentations; None of "none".

    Raises:
        UsageError: no such perturbation or file.
    """
    if name == NONE:
        return None
    from drift.images.perturbations.named import named_perturbation

    perturbation = named_perturbation(name)
    return lambda pixels, severity, seed: perturbation(pixels, severity, seed=seed)


def check_weights(network: str, weights: Path | None) -> None:
    """Whether a network can take weights from a file, before anything is fetched.

    Raises:
        UsageError: it takes none.
        DataError: there is no such file.
    """
    if weights is not None and network == "small":
        raise UsageError(
            "expected --weights with --network resnet18 or efficientnet-lite0, got small, which takes none"
        )
    if weights is not None and not weights.is_file():
        raise DataError(f"expected --weights to name a file, got {weights}: there is none")


def train_network(
    network: str,
    train: Images,
    validation: Images,
    *,
    max_epochs: int,
    seed: int,
    device: str = "auto",
    weights: Path | None = None,
    seconds: float | None = None,
    augment: Perturb | None = None,
    augmented_by: str = "",
    whole: bool = False,
    board: Path | None = None,
    tell: Tell,
    words: str = "training",
) -> CachedNetwork:
    """A network trained on images; what was trained once with the same options is taken from the cache.

    Args:
        network: one of `drift.models.images.NETWORKS`.
        train: images to learn from.
        validation: images to judge each epoch on.
        max_epochs: passes over the images.
        seed: of all draws.
        device: where to fit and to answer, see `drift.system.devices.resolve_device`.
        weights: a file with ImageNet weights, for a network that takes them.
        seconds: most time to fit in.
        augment: changes every batch, at severity 1.
        augmented_by: its name, a part of the cache's key.
        whole: fit all weights, where EfficientNet-Lite0 would keep its body as it is and learn the last layer alone.
        board: a folder for TensorBoard.
        tell: is called after every epoch.
        words: what it is called with.

    Raises:
        UsageError: no such network or device.
        DataError: weights that cannot be had.
        TrainingError: too few images, or a loss that is no number.
    """
    from drift.images.results.tensorboard import SHOWN, TensorBoardLog

    check_weights(network, weights)
    device = resolve_device(device)
    options = replace(recipe(network, seed=seed, max_epochs=max_epochs), label_smoothing=0.0)  # confidence is looked at
    files = [_contents(name) for name in (augmented_by, str(weights or ""))]
    head_alone = network == "efficientnet-lite0" and not whole and augment is None
    description = f"{network} {options} {seconds} {augmented_by} {files} {head_alone}"
    description += "" if device == "cpu" else f" on {device}"  # what a GPU computes differs in its last digits
    key = digest(description, train.digest(), validation.digest())[:24]
    cache = cache_folder()
    folder, features, kept_board = cache / "networks" / key, cache / "features", cache / "boards" / key
    if device != "cpu":
        features = features / device.replace(":", "-")
    known = _known(folder, features, device)
    if known is not None and (board is None or kept_board.exists()):
        if board is not None:
            _copied(kept_board, board)
        return known
    model = new_model(
        network, train.pixels, train.classes, name=network, seed=seed, weights=weights, tell=in_megabytes(tell)
    )
    if board is not None:
        _emptied(board)  # half a one, of an earlier try
    shown = None if board is None else TensorBoardLog(board)
    hook = None if augment is None else _hook(augment, seed)

    def each(epoch: Epoch) -> bool:
        tell(f"{words}, epoch {epoch.number}: accuracy {epoch.val_accuracy:.3f}", epoch.number, max_epochs)
        if shown is not None:
            shown.epoch(
                epoch.number,
                train_loss=epoch.train_loss,
                validation_loss=epoch.val_loss,
                validation_accuracy=epoch.val_accuracy,
            )
            if hook is not None:  # as the epoch's first batch was changed
                shown.images("augmented", hook(train.pixels[:SHOWN], epoch.number, 1), epoch.number)
        return True

    tell(words, 0, max_epochs)
    if head_alone:
        head = replace(HEAD, seed=seed, max_epochs=max_epochs)
        epochs = fit_head(
            model,
            train,
            validation,
            cache_folder=features,
            options=head,
            keep_going=each,
            seconds=seconds,
            device=device,
        )
    else:
        checkpoint = cache / "fits" / f"{key}.pt"
        epochs = fit_images(
            model,
            train,
            validation,
            options,
            keep_going=each,
            augment=hook,
            seconds=seconds,
            checkpoint=checkpoint,
            device=device,
        )
        checkpoint.unlink(missing_ok=True)
    trained = CachedNetwork(model, features, epochs=len(epochs))
    if shown is not None:
        part = validation.part(slice(0, 1_000))
        shown.projector("features", trained.features(part.pixels), part.labels, part.classes, part.pixels)
        shown.close()
        _copied(shown.folder, kept_board)
    folder.mkdir(parents=True, exist_ok=True)
    write_at_once(folder / FIT, json.dumps({"epochs": trained.epochs}).encode())
    model.save(folder)
    return trained


def _is_shown(path: Path) -> bool:
    """Whether TensorBoard's writer made it: events, a projector's folders (by step) and their list."""
    return path.name == PROJECTOR or path.name.startswith(EVENTS) or (path.is_dir() and path.name.isdigit())


def _known(folder: Path, features: Path, device: str) -> CachedNetwork | None:
    """The network in a folder, if it is there whole: a crash may have left half of one."""
    try:
        model = ImageModel.load(folder)
        model.net.to(device)
        return CachedNetwork(model, features, epochs=int(json.loads((folder / FIT).read_text())["epochs"]))
    except (DataError, OSError, ValueError, KeyError, TypeError):
        return None


def _copied(source: Path, target: Path) -> None:
    """A folder put in the place of another one, which may hold what another network left."""
    _emptied(target)
    shutil.copytree(source, target, dirs_exist_ok=True)


def _emptied(board: Path) -> None:
    """Take away what TensorBoard was shown before, and nothing else.

    Raises:
        UsageError: the folder holds something else, too.
    """
    strange = [path.name for path in board.iterdir() if not _is_shown(path)] if board.is_dir() else []
    if strange:
        others = ", ".join(sorted(strange))
        raise UsageError(f"expected TensorBoard's folder {board} to be new or an earlier network's, got {others} in it")
    shutil.rmtree(board, ignore_errors=True)


def _contents(name: str) -> str:
    """The digest of a file, if that is what a name is: what was in it before made other networks."""
    path = Path(name)
    return hashlib.sha256(path.read_bytes()).hexdigest() if name and path.is_file() else ""


def _hook(augment: Perturb, seed: int) -> Callable[[Pixels, int, int], Pixels]:
    """Every batch of every epoch is changed in its own way, the same one for the same seed."""
    return lambda pixels, epoch, batch: augment(pixels, 1.0, (seed * 1_009 + epoch) * 100_003 + batch)
