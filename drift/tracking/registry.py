"""The registry: versions of a model, and the aliases that say which one serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from drift import next_steps
from drift.errors import ArchiveError, TrackingError, UntrustedError
from drift.system.quiet import quiet
from drift.system.signing import SIGNATURE, SIGNED_BY
from drift.system.streams import broken, one_line
from drift.tracking.connection.addresses import MODEL_ID
from drift.tracking.connection.store import Store, all_pages, ignored_errors, mlflow_errors
from drift.tracking.runs.lookup import experiment_of, find_runs_everywhere, logged_tags, require_whole_reference
from drift.tracking.runs.open_runs import LoggedModel
from drift.tracking.runs.release import RELEASE, Release, ReleaseOrigin, Trust, download_release

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
COPIED_TAGS = (RELEASE, SIGNATURE, SIGNED_BY)  # of the logged model, to the version


@dataclass(frozen=True)
class Version:
    """A registered version of the model.

    Attributes:
        number: from 1.
        run_id: the run that trained it.
        model_id: of the logged model.
        sha256: of the file that is served, as it was when it was logged; empty if it was not logged by this project.
        tags: of the version.
    """

    number: int
    run_id: str
    model_id: str
    sha256: str
    tags: Mapping[str, str]


class Registry:
    """One registered model.

    Args:
        store: MLflow.
        name: of the model.
        trust: decides which releases may be used; None takes what MLflow has, for whoever only reads.
    """

    def __init__(self, store: Store, name: str, *, trust: Trust | None = None) -> None:
        self.store = store
        self.name = name
        self.trust = trust
        self._folder: TemporaryDirectory[str] | None = None
        self._releases: dict[int, Release] = {}

    def register(self, model: LoggedModel, run_id: str, **tags: object) -> Version:
        """Make a new version of a logged model; it has no alias yet."""
        signed = {name: tag for name, tag in logged_tags(self.store, model.model_id).items() if name in COPIED_TAGS}
        texts = {f"drift.{key}": str(value) for key, value in tags.items()} | signed | {"drift.sha256": model.sha256}
        with mlflow_errors(f"registering a version of {self.name}"), quiet():
            with ignored_errors("RESOURCE_ALREADY_EXISTS"):
                self.store.client.create_registered_model(self.name)
            version = self.store.client.create_model_version(
                self.name, f"models:/{model.model_id}", run_id=run_id, model_id=model.model_id, tags=texts
            )
        return Version(int(version.version), run_id, model.model_id, model.sha256, texts)

    def versions(self) -> list[Version]:
        """All versions, oldest first; none if the model is not registered."""
        with mlflow_errors(f"listing versions of {self.name}"):
            listed = self.store.client.search_model_versions(f"name = '{self.name}'", max_results=1000)
            full = [self.store.client.get_model_version(self.name, v.version) for v in listed]
        return sorted((self._version(v) for v in full), key=lambda version: version.number)

    def others(self) -> list[str]:
        """Names of other registered models with a champion or a previous version; none that breaks lines."""
        with mlflow_errors("listing registered models"):
            models = list(all_pages(self.store.client.search_registered_models, max_results=100))
        names = [model.name for model in models if {CHAMPION, PREVIOUS} & model.aliases.keys()]
        return [name for name in names if name != self.name and not broken([name])]

    def get(self, number: int) -> Version:
        """One version by its number."""
        with mlflow_errors(f"reading version {number} of {self.name}"):
            return self._version(self.store.client.get_model_version(self.name, str(number)))

    def holder(self, alias: str) -> Version | None:
        """The version that an alias points at."""
        version = None
        absent = ignored_errors("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
        with mlflow_errors(f"reading alias {alias} of {self.name}"), absent:
            version = self._version(self.store.client.get_model_version_by_alias(self.name, alias))
        return version  # noqa: RET504  # None after an error that is ignored

    def champion(self) -> Version:
        """The version that serves."""
        champion = self.holder(CHAMPION)
        if champion is None and (previous := self.holder(PREVIOUS)) is not None:
            raise TrackingError(
                f"{self.name!r} has no champion in {self.store.address} any more: its version or its alias was deleted;"
                f" {next_steps.rollback(self.name)} puts version {previous.number} back"
            )
        if champion is None:
            raise TrackingError(f"there is no champion of {self.name!r} in {self.store.address}; {self.first_step()}")
        return champion

    def first_step(self) -> str:
        """What to do where this model has no champion, as a command.

        Without any version of it, the same command with the name of another model, if there is one; else what gives it
        its first champion: deploy a base model, or train one first.
        """
        if not self.versions() and (others := self.others()):
            return next_steps.for_other_model(others)
        for run in find_runs_everywhere(self.store, kind="base"):
            if run.status == "FINISHED" and "drift.model_id" in run.tags:
                return f"deploy a model first: {next_steps.deploy(experiment_of(self.store, run.id), self.name)}"
        return f"train a base model first: {next_steps.train_base()}"

    def point(self, alias: str, number: int) -> None:
        """Move an alias to a version."""
        with mlflow_errors(f"moving alias {alias} of {self.name} to version {number}"):
            self.store.client.set_registered_model_alias(self.name, alias, str(number))

    def unpoint(self, alias: str) -> None:
        """Take an alias away, if it is there."""
        with mlflow_errors(f"removing alias {alias} of {self.name}"):
            self.store.client.delete_registered_model_alias(self.name, alias)

    def tag(self, number: int, **values: object) -> None:
        """Set tags called `drift.<name>` on a version."""
        with mlflow_errors(f"tagging version {number} of {self.name}"):
            for key, value in values.items():
                self.store.client.set_model_version_tag(self.name, str(number), f"drift.{key}", str(value))

    def release(self, version: Version) -> Release:
        """The files of a version, downloaded once in the life of this object, and trusted.

        Raises:
            ArchiveError: the network is not the file that was logged, or was never logged by this project.
            UntrustedError: nobody here knows where the release comes from.
            TrackingError: a file is missing or damaged, or MLflow does not answer.
        """
        if (known := self._releases.get(version.number)) is not None:
            return known
        if not version.sha256:
            raise ArchiveError(
                f"version {version.number} of {self.name} has no digest: it was not logged by this project (expected"
                " the tag drift.sha256 on the version or on its logged model, got neither), so it is not served:"
                " register a model that drift base or drift retrain logged, or move the alias to another version"
            )
        release = download_release(self.store, version.model_id, version.run_id, self._place(version.number))
        if release.model_sha256 != version.sha256:
            raise ArchiveError(
                f"version {version.number} of {self.name} is not the file that was logged: expected sha256"
                f" {version.sha256[:12]}…, got {release.model_sha256[:12]}…; it was changed in the artifact store, so"
                " it is not served: put a copy of the original back, or deploy another model"
            )
        if self.trust is not None:
            tags = {**logged_tags(self.store, version.model_id), **version.tags}
            try:
                self.trust.require(ReleaseOrigin(version.run_id, self.name, version.number), release, tags)
            except UntrustedError:
                require_whole_reference(release.reference_file, version.model_id)  # a damaged file is another matter
                raise
        self._releases[version.number] = release
        return release

    def _place(self, number: int) -> Path:
        """An empty folder for the files of a version, gone when this object is."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="drift-fetch-")
        return Path(mkdtemp(prefix=f"v{number}-", dir=self._folder.name))

    def _version(self, described: object) -> Version:
        tags = {key: one_line(text) for key, text in dict(described.tags).items()}  # type: ignore[attr-defined]
        number, run_id = int(described.version), str(described.run_id)  # type: ignore[attr-defined]
        model_id = self._model_id(number, str(described.model_id or described.source))  # type: ignore[attr-defined]
        digest = tags.get("drift.sha256") or logged_tags(self.store, model_id).get("drift.sha256", "")
        return Version(number, run_id, model_id, digest, tags)

    def _model_id(self, number: int, source: str) -> str:
        """The logged model of a version: MLflow's page registers artifacts, and copies versions of other names."""
        if match := MODEL_ID.search(source):
            return match[0]
        place = str(self.store.client.get_model_version_download_uri(self.name, str(number)))
        match = MODEL_ID.search(place)
        return match[0] if match else source.removeprefix("models:/")
