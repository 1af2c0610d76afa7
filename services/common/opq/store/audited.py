"""A store as people's tools open it: whatever is changed through it is in the audit log before it is changed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from opq.clock import Clock
from opq.ids import BoxId, IncidentId, TaskId
from opq.model.boxes import Box
from opq.store.audit import record
from opq.store.documents import to_document
from opq.store.port import Boxes, Documents, Incidents, Store, Tasks

_SECRET = "password"
_MOST_DETAIL = 2000
_NAMES = {
    "users": {"user/": "user", "invitations/": "invitation", "tokens/": "token"},
    "settings": {"overrides/": "override", "updates/files/": "update", "updates/offers/": "update offer"},
    "certificates": {
        "issued/": "certificate",
        "tokens/": "enrolment",
        "revoked/serial/": "revocation of certificate",
        "revoked/box/": "revocation of box",
    },
}
"""What documents are called in the log, by the beginning of their keys; others are called as their collection."""
_UNTOLD = {"users": ("sessions/", "tries/"), "settings": ("updates/pieces/",), "certificates": ("used/",)}
"""What is no act of its own."""


@dataclass(frozen=True, slots=True)
class _Act:
    action: str
    subject: str
    detail: str = ""


class AuditedStore:
    """An open store whose changes are on record; what programs write (frames, events, waveforms) goes through as it is.

    Parameters
    ----------
    store : Store
        An open store.
    actor : str
        Who acts, as the log is to have it.
    """

    def __init__(self, store: Store, actor: str, clock: Clock) -> None:
        self._store = store
        log = _Log(store, actor, clock)
        self.boxes = cast(Boxes, _Recording(store.boxes, log, {"put": self._box_put, "remove": _named("box.remove")}))
        self.settings, self.certificates, self.users = (
            self._documents(name, documents, log)
            for name, documents in (
                ("settings", store.settings),
                ("certificates", store.certificates),
                ("users", store.users),
            )
        )
        self.incidents = cast(Incidents, _Recording(store.incidents, log, {"remove": _named("incident.remove")}))
        self.tasks = cast(Tasks, _Recording(store.tasks, log, {"requeue": _named("task.requeue")}))
        self.measurements, self.trends, self.events = store.measurements, store.trends, store.events
        self.acquisitions, self.waveforms = store.acquisitions, store.waveforms
        self.checkpoints, self.heartbeats, self.audit = store.checkpoints, store.heartbeats, store.audit

    def ping(self) -> None:
        """See the port."""
        self._store.ping()

    def close(self) -> None:
        """See the port."""
        self._store.close()

    def _box_put(self, box: Box) -> _Act:
        before = self._store.boxes.get(box.box_id)
        return _Act("box.put", box.box_id, _changed(to_document(before) if before else {}, to_document(box)))

    def _documents(self, collection: str, documents: Documents, log: "_Log") -> Documents:
        def put(key: str, document: Mapping[str, Any]) -> _Act | None:
            named = _named_document(collection, key, document)
            return named and _Act(f"{named[0]}.put", named[1], _changed(documents.get(key) or {}, document))

        def remove(key: str) -> _Act | None:
            named = _named_document(collection, key, documents.get(key) or {})
            return named and _Act(f"{named[0]}.remove", named[1])

        return cast(Documents, _Recording(documents, log, {"put": put, "remove": remove}))


class _Log:
    def __init__(self, store: Store, actor: str, clock: Clock) -> None:
        self._store, self._actor, self._clock = store, actor, clock

    def add(self, act: _Act) -> None:
        record(self._store, self._clock.unix_ns(), self._actor, act.action, act.subject, act.detail)


class _Recording:
    """A repository; each of some methods is recorded before it is called."""

    def __init__(self, inner: object, log: _Log, acts: Mapping[str, Callable[..., _Act | None]]) -> None:
        self._inner, self._log, self._acts = inner, log, acts

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        describe = self._acts.get(name)
        if describe is None:
            return method

        def recorded(*arguments: Any) -> Any:
            act = describe(*arguments)
            if act is not None:
                self._log.add(act)
            return method(*arguments)

        return recorded


def _named(action: str) -> Callable[[BoxId | IncidentId | TaskId], _Act]:
    return lambda subject: _Act(action, subject)


def _named_document(collection: str, key: str, document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what a document is called and whom or what it is about; None if it is not worth telling.

    Keys that are hashes of secrets are not repeated; the document says what it is about.
    """
    if key.startswith(_UNTOLD.get(collection, ())):
        return None
    for prefix, name in _NAMES.get(collection, {}).items():
        if key.startswith(prefix):
            about = document.get("token_id") or document.get("user_id") or document.get("box_id")
            return name, str(about or key.removeprefix(prefix))
    return collection, key


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Say which entries are new or other than before, as JSON; a password only by its name."""
    changed = {
        name: "(set)" if name == _SECRET and value else value
        for name, value in after.items()
        if name not in before or before[name] != value
    }
    text = json.dumps(changed, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_DETAIL else f"{text[:_MOST_DETAIL]}…"
