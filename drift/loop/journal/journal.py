"""The scoring log and the audit trail: one SQLite file, and the only module that opens it.

Every scored block is in it exactly once, keyed by (deployment, block), committed before anybody hears of it. The audit
trail is append-only: the database itself refuses to change or delete a line of it, and each line holds a digest of all
before it. That guards against accidents, and shows a line that was changed; the file's owner can write another one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sql
from numpy.typing import NDArray
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from drift.data.blocks import Integers, ScoredBlock
from drift.detect import Score
from drift.errors import StateError
from drift.loop.journal import tables as t
from drift.loop.journal.records import Answers, AuditLine, DecisionRecord, Deployment, KnownRelease, now
from drift.policies.history import BlockRecord
from drift.system.disk import alone_in
from drift.system.sqlite import advice, connect_to_read


class Journal:
    """Opens the log, making it if it is not there.

    Args:
        path: of the file.
        read: only read, and leave no trace: nothing is made, and a log that is not there is an empty one.
    """

    def __init__(self, path: Path, *, read: bool = False) -> None:
        self.path = path
        self._missing: set[str] = set()  # tables that a log of an older version, which is only read, does not have
        if read:
            self._read_only()
            return
        self._engine = sql.create_engine(sql.URL.create("sqlite", database=str(path)), connect_args={"timeout": 30})
        sql.event.listen(self._engine, "connect", _settings)
        with alone_in(path.parent), self._write("opening it") as connection:
            self._require_schema(connection.execute(sql.text("PRAGMA user_version")).scalar_one())
            connection.execute(sql.text(f"PRAGMA user_version = {t.SCHEMA}"))
            t.tables.create_all(connection)
            for statement in t.APPEND_ONLY:
                connection.execute(sql.text(statement))

    def _read_only(self) -> None:
        pool = sql.StaticPool
        if self.path.exists():
            self._engine = sql.create_engine("sqlite://", creator=lambda: connect_to_read(self.path), poolclass=pool)
            rows = self._rows(sql.text("SELECT name FROM sqlite_master WHERE type = 'table'"))
            self._require_schema(self._rows(sql.text("PRAGMA user_version"))[0]["user_version"])
            self._missing = t.tables.tables.keys() - {row["name"] for row in rows}
            if self._missing != t.tables.tables.keys():
                return
            self._engine.dispose()  # emptied, or never written
            self._missing = set()
        self._engine = sql.create_engine("sqlite://", poolclass=pool)
        t.tables.create_all(self._engine)

    def _require_schema(self, version: int) -> None:
        if version not in (0, t.SCHEMA):
            raise StateError(f"{self.path} was written by another version of drift; move it away to begin a new log")

    def begin(self, deployment: Deployment) -> None:
        """Remember a new deployment."""
        with self._write("a deployment") as connection:
            connection.execute(t.deployments.insert().values(**asdict(deployment)))

    def deployments(self, model: str | None = None) -> list[Deployment]:
        """All deployments (of one model), oldest first."""
        query = t.deployments.select().order_by(sql.literal_column("rowid"))  # a clock may be set back
        if model:
            query = query.where(t.deployments.c.model == model)
        return [Deployment(**row) for row in self._rows(query)]

    def set_state(self, deployment: str, state: str) -> None:
        """Mark a deployment as running, interrupted, done or superseded."""
        self._update(deployment, state=state)

    def set_tracked(self, deployment: str, blocks: int) -> None:
        """Remember that MLflow has the metrics of the first `blocks` blocks."""
        self._update(deployment, tracked=blocks)

    def _update(self, deployment: str, **values: object) -> None:
        with self._write("a deployment's state") as connection:
            connection.execute(t.deployments.update().where(t.deployments.c.id == deployment).values(**values))

    def add_block(self, deployment: str, record: BlockRecord, scored: ScoredBlock, first: Integers) -> None:
        """Commit a block with its predictions and the first champion's: all of it or nothing, and never twice."""
        block, values = scored.block, asdict(record)
        values["block"] = values.pop("index")
        labels: Integers = block.labels if block.labels is not None else np.full(len(block), -1)
        columns: dict[str, Sequence[Any]] = {
            "row": block.rows,
            "time": [None] * len(block) if block.timestamps is None else block.timestamps.astype(str).tolist(),
            "prediction": scored.predictions.tolist(),
            "label": labels.tolist(),
            "confidence": scored.answer.probabilities.max(axis=1).tolist(),
            "first_champion_prediction": first.tolist(),
        }
        own = {"deployment": deployment, "block": block.index, "version": record.version}
        rows = [own | dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        with self._write(f"block {block.index}") as connection:
            connection.execute(t.blocks.insert().values(deployment=deployment, **values))
            connection.execute(t.predictions.insert(), rows)

    def blocks(self, deployment: str, *, first: int = 0) -> list[BlockRecord]:
        """The scored blocks from the one with index `first` on, in order."""
        columns = (column for column in t.blocks.c if column.name not in ("deployment", "block"))
        own = (t.blocks.c.deployment == deployment) & (t.blocks.c.block >= first)
        query = sql.select(t.blocks.c.block.label("index"), *columns).where(own).order_by(t.blocks.c.block)
        return [
            BlockRecord(**row | {"scores": tuple(Score(**score) for score in row["scores"])})
            for row in self._rows(query)
        ]

    def scored(self, model: str) -> dict[str, range]:
        """The rows that each deployment of a model has scored so far, oldest first; not those it was yet to score."""
        scored = sql.func.min(t.blocks.c.start).label("start"), sql.func.max(t.blocks.c.stop).label("stop")
        query = (
            sql.select(t.deployments.c.id, *scored)
            .join(t.blocks, t.blocks.c.deployment == t.deployments.c.id)
            .where(t.deployments.c.model == model)
            .group_by(t.deployments.c.id)
            .order_by(sql.literal_column("deployments.rowid"))
        )
        return {row["id"]: range(row["start"], row["stop"]) for row in self._rows(query)}

    def answers(self, deployment: str) -> Answers:
        """All scored rows, in order."""
        columns = [t.predictions.c[name] for name in ("block", "label", "prediction", "first_champion_prediction")]
        query = sql.select(*columns).where(t.predictions.c.deployment == deployment).order_by(t.predictions.c.row)
        rows = np.asarray([tuple(row.values()) for row in self._rows(query)], dtype=np.int64).reshape(-1, 4)
        return Answers(*rows.T)

    def predictions(self, deployment: str) -> Iterator[dict[str, NDArray[Any]]]:
        """Rows as they were answered, block by block: row, block, version, prediction, label (-1: none), confidence."""
        names = ("row", "block", "version", "prediction", "label", "confidence")
        columns = [t.predictions.c[name] for name in names]
        for block in self.blocks(deployment):
            own = (t.predictions.c.deployment == deployment) & (t.predictions.c.block == block.index)
            rows = self._rows(sql.select(*columns).where(own).order_by(t.predictions.c.row))
            yield {name: np.asarray([row[name] for row in rows]) for name in names}

    def add_decision(self, deployment: str, decision: DecisionRecord) -> None:
        """Remember what came of a flagged block."""
        with self._write("a decision") as connection:
            values = asdict(decision) | {"deployment": deployment, "at": decision.at or now()}
            connection.execute(t.decisions.insert().values(**values))

    def decisions(self, deployment: str) -> list[DecisionRecord]:
        """The decisions of a deployment, in order."""
        query = t.decisions.select().where(t.decisions.c.deployment == deployment).order_by(t.decisions.c.block)
        return [DecisionRecord(**_without(row, "deployment")) for row in self._rows(query)]

    def audit(self, model: str, line: AuditLine) -> None:
        """Append a line to the audit trail."""
        with self._write("the audit trail") as connection:
            values = _without(asdict(line), "uid") | {"model": model, "at": line.at or now()}
            last = sql.select(t.audit_proofs.c.chain).order_by(t.audit_proofs.c.id.desc()).limit(1)
            before = connection.execute(last).scalar_one_or_none()
            (number,) = connection.execute(t.audit.insert().values(**values)).inserted_primary_key or (0,)
            proof = {"id": number, "uid": os.getuid()}
            connection.execute(t.audit_proofs.insert().values(**proof, chain=_chained(before, values, **proof)))

    def last_champion(self, model: str) -> int | None:
        """The version that is champion by the trail."""
        moves = [line.to_version for line in self.trail(model) if line.action != "refuse"]
        return moves[-1] if moves else None

    def intend(self, model: str, line: AuditLine) -> None:
        """Remember the line that is to follow a change of champion, in case of a crash before it is written."""
        with self._write("an intent") as connection:
            connection.execute(t.intents.delete().where(t.intents.c.model == model))
            connection.execute(t.intents.insert().values(model=model, line=asdict(line)))

    def intended(self, model: str) -> AuditLine | None:
        """The line that a crash kept from being written."""
        rows = self._rows(t.intents.select().where(t.intents.c.model == model))
        return AuditLine(**rows[0]["line"]) if rows else None

    def forget_intent(self, model: str) -> None:
        """The line is written, or the change did not happen."""
        with self._write("an intent") as connection:
            connection.execute(t.intents.delete().where(t.intents.c.model == model))

    def trail(self, model: str | None = None) -> list[AuditLine]:
        """The audit trail (of one model), oldest first."""
        query = t.audit.select().order_by(t.audit.c.id)
        if model:
            query = query.where(t.audit.c.model == model)
        proofs = self._proofs()
        return [
            AuditLine(**_without(row, "id"), uid=proofs[row["id"]]["uid"] if row["id"] in proofs else None)
            for row in self._rows(query)
        ]

    def changed_line(self) -> AuditLine | None:
        """The first line of the trail that was changed, or before which one was taken away; None if all are as written.

        Lines of older versions of this package have no proof: the chain begins after them.
        """
        before: str | None = None
        proofs = self._proofs()
        for row in self._rows(t.audit.select().order_by(t.audit.c.id)):
            proof = proofs.get(row["id"])
            if proof is None and before is None:
                continue
            chain = "" if proof is None else _chained(before, _without(row, "id"), id=row["id"], uid=proof["uid"])
            if proof is None or proof["chain"] != chain:
                return AuditLine(**_without(row, "id"), uid=None if proof is None else proof["uid"])
            before = chain
        return None

    def _proofs(self) -> dict[int, dict[str, Any]]:
        """User id and chain of each line of the trail, by the line's number."""
        if t.audit_proofs.name in self._missing:
            return {}
        return {row["id"]: row for row in self._rows(t.audit_proofs.select())}

    def know(self, release: KnownRelease) -> None:
        """Remember a release that may be served; one that is known stays as it is."""
        if self.known(release.digest) is None:
            with self._write("a release") as connection:
                values = asdict(release) | {"at": release.at or now()}
                connection.execute(t.releases.insert().prefix_with("OR IGNORE").values(**values))

    def known(self, digest: str) -> KnownRelease | None:
        """What is known of a release, by its digest; None if nothing is."""
        if t.releases.name in self._missing:
            return None
        rows = self._rows(t.releases.select().where(t.releases.c.digest == digest))
        return KnownRelease(**rows[0]) if rows else None

    def knows_any(self) -> bool:
        """Whether any release is known."""
        known = t.releases.name not in self._missing
        return known and bool(self._rows(sql.select(t.releases.c.digest).limit(1)))

    def models(self) -> list[str]:
        """Names of the models in the audit trail, in the order of their first lines."""
        rows = self._rows(sql.select(t.audit.c.model).order_by(t.audit.c.id))
        return list(dict.fromkeys(row["model"] for row in rows))

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def _rows(self, query: sql.Executable) -> list[dict[str, Any]]:
        try:
            with self._engine.connect() as connection:
                return [dict(row) for row in connection.execute(query).mappings()]
        except SQLAlchemyError as error:
            raise StateError(f"the scoring log {self.path} cannot be read: {_reason(error)}") from error

    @contextmanager
    def _write(self, what: str) -> Iterator[sql.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError as error:
            raise StateError(
                f"{what} is already in the scoring log {self.path}, or does not belong there: {_reason(error)}"
            ) from error
        except SQLAlchemyError as error:
            raise StateError(f"the scoring log {self.path} cannot take {what}: {_reason(error)}") from error


def _chained(before: str | None, line: Mapping[str, Any], **proof: int) -> str:
    """The digest of a line and of all before it."""
    text = json.dumps([before, line, proof], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _settings(connection: Any, _record: object) -> None:
    """Readers do not wait for a writer, and a commit survives a power cut."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _reason(error: SQLAlchemyError) -> str:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    return reason + advice(reason)
