"""Which releases may be served: trained here, accepted here by a person, or signed by a trusted key.

Whoever can write to MLflow can replace a model's files and all of its tags. What decides is therefore this project's
own log (`journal`) and the keys of the person who serves (`drift.system.signing`), never a tag alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from drift import next_steps
from drift.errors import ArchiveError, TrackingError, UntrustedError
from drift.loop.card import Card
from drift.loop.events import Notice, Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import KnownRelease
from drift.loop.project_dir import ProjectDir
from drift.models.predict import require_program
from drift.system import signing
from drift.system.person import person
from drift.tracking.connection.store import Store
from drift.tracking.registry import Registry
from drift.tracking.runs.lookup import get_run, logged_tags
from drift.tracking.runs.release import Release, ReleaseOrigin, download_release
from drift.tracking.runs.run import LoggedModel


@dataclass(frozen=True)
class Accepted:
    """A release that a person accepted.

    Attributes:
        origin: where it was found.
        digest: over its files, 64 hex digits.
        card: what it was made from.
        before: what was known of it before; None if it was new.
        next_step: the command that uses it.
    """

    origin: ReleaseOrigin
    digest: str
    card: Card
    before: KnownRelease | None
    next_step: str = ""

    @property
    def lines(self) -> list[str]:
        """What was accepted, to be compared with what was meant."""
        known = self.before
        first = f"accepted {self.origin.words}"
        if known is not None:
            first = f"{self.origin.words} is known already: {known.how} by {known.by}, {known.at[:19]} UTC"
        classes = ", ".join(self.card.classes)
        return [first, f"digest {self.digest}", f"run {self.origin.run_id}, {self.card.table_words}, classes {classes}"]


@dataclass(frozen=True)
class TrustedReleases:
    """What this project's log and this user's keys say of a release.

    Attributes:
        journal: the log.
        person: who runs this command.
    """

    journal: Journal
    person: str

    def require(self, origin: ReleaseOrigin, release: Release, tags: Mapping[str, str]) -> None:
        """Return if the release may be served; a signature that is good now is remembered.

        Args:
            origin: where it was found.
            release: its files.
            tags: of the version or of the logged model.

        Raises:
            UntrustedError: it is not known here, and no trusted key signed it.
        """
        if self.journal.known(release.digest) is not None:
            return
        key = signing.signer(release.digest, tags)
        if key is not None:
            self.know(origin, release.digest, how=f"signed by {key.words}")
            return
        signed = "nor signed by a trusted key"
        if signing.SIGNATURE in tags:
            signed = "and its signature is by no key that is trusted here, or of other files"
        raise UntrustedError(
            f"{origin.words} is not known here: it was neither trained nor accepted in {self.journal.path.parent},"
            f" {signed}; whoever can write to MLflow could have put it there. If you know where it comes from:"
            f" {next_steps.accept(origin.model, origin.version, origin.run_id)}"
        )

    def know(self, origin: ReleaseOrigin, digest: str, *, how: str) -> None:
        """Remember that a release may be served.

        Args:
            origin: where it was found.
            digest: over its files, 64 hex digits.
            how: `trained here`, `accepted`, or by whom it is signed.
        """
        self.journal.know(KnownRelease(digest, origin.model, origin.version, how, self.person))


def accept(store: Store, journal: Journal, origin: ReleaseOrigin) -> Accepted:
    """Look at a release once, and remember that a person accepts it.

    Args:
        store: MLflow.
        journal: this project's log.
        origin: a registered version, or a run whose model was not registered yet.

    Raises:
        ArchiveError: it is not what was logged, or holds what could run code: then nobody can accept it.
        TrackingError: it is not there, or a file is missing or damaged.
    """
    with TemporaryDirectory(prefix="drift-fetch-") as folder:
        if origin.version is None:
            model_id = get_run(store, origin.run_id).tags.get("drift.model_id", "")
            if not model_id:
                raise TrackingError(f"run {origin.run_id} logged no model: give the id of a base run")
            release = download_release(store, model_id, origin.run_id, Path(folder))
        else:
            registry = Registry(store, origin.model)
            version = registry.get(origin.version)
            origin = ReleaseOrigin(version.run_id, origin.model, origin.version)
            release = registry.release(version)
        try:
            require_program(release.model_file)
        except ArchiveError as error:
            raise ArchiveError(f"{origin.words} cannot be accepted by anybody: {error}") from error
        card = Card.from_metadata(release.card)  # first: what cannot be shown is not accepted
        before = journal.known(release.digest)
        if before is None:
            TrustedReleases(journal, person()).know(origin, release.digest, how="accepted")
        return Accepted(origin, release.digest, card, before)


def require_base(store: Store, journal: Journal, run_id: str, model_id: str, folder: Path, tell: Tell) -> Release:
    """The model of a base run, if it may be deployed: what is compared and registered afterwards is this copy.

    The first deployment of a folder whose log knows no release accepts what it deploys, and says so: whoever types it
    has named the experiment, and there is nothing yet to compare the model with.

    Args:
        store: MLflow.
        journal: this project's log.
        run_id: of the base run.
        model_id: of the model that it logged.
        folder: an empty one of our own, for the files.
        tell: hears that the model was accepted.

    Raises:
        UntrustedError: it is not known here, and no trusted key signed it.
        TrackingError: a file is missing or damaged.
    """
    trust, origin = TrustedReleases(journal, person()), ReleaseOrigin(run_id)
    release, tags = download_release(store, model_id, run_id, folder), logged_tags(store, model_id)
    logged = tags.get("drift.sha256", release.model_sha256)
    if logged != release.model_sha256:
        raise ArchiveError(
            f"{origin.words} is not the file that was logged: expected sha256 {logged[:12]}…, got"
            f" {release.model_sha256[:12]}…; it was changed in the artifact store: put a copy of the original back, or"
            " train it again"
        )
    require_program(release.model_file)
    try:
        trust.require(origin, release, tags)
    except UntrustedError:
        if journal.knows_any():
            raise
        trust.know(origin, release.digest, how="accepted")
        words = f"{origin.words} was not trained in this folder; its first deployment accepts it"
        tell(Notice(f"{words} (digest {release.digest[:16]}…): from now on, others need drift accept"))
    return release


def trusted_registry(store: Store, name: str, journal: Journal) -> Registry:
    """A model's versions, of which those may be used that are trusted here.

    Args:
        store: MLflow.
        name: of the model.
        journal: this project's log.
    """
    return Registry(store, name, trust=TrustedReleases(journal, person()))


def remember_trained(home: ProjectDir, model: LoggedModel, run_id: str) -> None:
    """Note that a model was trained here, so that it may be served.

    Args:
        home: the project's folder.
        model: as it was logged.
        run_id: of the run that trained it.
    """
    journal = Journal(home.log)
    try:
        TrustedReleases(journal, person()).know(ReleaseOrigin(run_id), model.release, how="trained here")
    finally:
        journal.close()
