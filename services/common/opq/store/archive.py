"""A whole store as one file, readable by every adapter: for backups, and to move from one database to another.

A ZIP file: JSON lines of documents as `opq.store.documents` makes them, ``.npz`` of measurements and trends, waveforms as
they are stored. What is read while a site runs is each thing as it was when it was read; unfinished tasks come too, done
ones do not.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from opq.errors import CorruptData, Duplicate, InvalidInput, NotFound
from opq.ids import AcquisitionId, BoxId
from opq.model.boxes import Box, BoxSeen, BoxStatus
from opq.model.events import Acquisition, Event, EventBox
from opq.model.features import FEATURE_NAMES
from opq.model.incidents import Incident
from opq.model.measurements import Measurement, Trend
from opq.model.tasks import Task, TaskState
from opq.model.waveforms import WaveformInfo
from opq.store.audit import oldest_first
from opq.store.check import all_events
from opq.store.documents import (
    Document,
    from_document,
    incident_document,
    incident_from,
    to_document,
)
from opq.store.port import Documents, IncidentFilter, Store
from opq.trust.audit import AuditEntry

FORMAT = 1
_ABOUT = "opq-archive.json"
_KEYED = ("settings", "checkpoints", "certificates", "users")
_ROWS = 20_000
_PIECE = 1 << 20
_MANY = 1_000_000
_PAGE = 500

Progress = Callable[[str, int, int], None]
"""Told what is under way, how much of it is done, and of how much."""


def backup(store: Store, path: Path, made_unix_ns: int, progress: Progress) -> list[str]:
    """Write everything in a store to a file, which is there when it is whole.

    Returns
    -------
    list of str
        In a sentence each, waveforms that are damaged in the store and so are not in the file.

    Raises
    ------
    Duplicate
        If the file exists.
    """
    if path.exists():
        raise Duplicate(f"{path} exists; a backup is never written over")
    part = path.with_name(path.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        about = {
            "format": FORMAT,
            "made_unix_ns": made_unix_ns,
            "features": list(FEATURE_NAMES),
            "events": store.events.count(),
        }
        archive.writestr(_ABOUT, json.dumps(about))
        for name in _KEYED:
            documents: Documents = getattr(store, name)
            lines = ({"key": key, "document": document} for key, document in documents.items().items())
            _write_lines(archive, f"{name}.jsonl", lines)
        _write_lines(archive, "audit.jsonl", map(to_document, oldest_first(store)))
        boxes = store.boxes.list()
        _write_lines(archive, "boxes.jsonl", map(to_document, boxes))
        _write_lines(archive, "statuses.jsonl", map(to_document, store.boxes.statuses()))
        for number, box in enumerate(boxes):
            progress("measurements and trends", number, len(boxes))
            _write_rows(archive, "measurements", box.box_id, store.measurements.range)
            _write_rows(archive, "trends", box.box_id, store.trends.range)
        progress("measurements and trends", len(boxes), len(boxes))
        waveforms: list[AcquisitionId] = []
        _write_lines(archive, "events.jsonl", _event_lines(store, waveforms, progress))
        left_out = list(_write_waveforms(archive, store, waveforms, progress))
        loose = (incident for incident in _all_incidents(store) if incident.event_id is None)
        _write_lines(archive, "incidents.jsonl", map(incident_document, loose))
        tasks = (
            task
            for state in (TaskState.QUEUED, TaskState.LEASED, TaskState.DEAD)
            for task in store.tasks.list(state, limit=_MANY)
        )
        _write_lines(archive, "tasks.jsonl", map(to_document, tasks))
    part.rename(path)
    return left_out


def restore(store: Store, path: Path, progress: Progress) -> None:
    """Write everything in a file to an empty store.

    Raises
    ------
    Duplicate
        If the store is not empty.
    InvalidInput
        If the file is no archive, or of a newer format.
    CorruptData
        If it is damaged; then nothing was written.
    """
    if store.boxes.list() or store.events.list(limit=1) or store.audit.list(1):
        raise Duplicate("the store is not empty; a backup is restored into an empty one")
    with _open(path) as archive:
        for name in _KEYED:
            documents: Documents = getattr(store, name)
            for line in _lines(archive, f"{name}.jsonl"):
                documents.put(line["key"], line["document"])
        for line in _lines(archive, "audit.jsonl"):
            store.audit.append(from_document(AuditEntry, line))
        for line in _lines(archive, "boxes.jsonl"):
            store.boxes.put(from_document(Box, line))
        _restore_statuses(store, archive)
        members = [name for name in archive.namelist() if name.startswith(("measurements/", "trends/"))]
        for number, name in enumerate(members):
            progress("measurements and trends", number, len(members))
            _restore_rows(store, archive, name)
        progress("measurements and trends", len(members), len(members))
        names, total = frozenset(archive.namelist()), json.loads(archive.read(_ABOUT))["events"]
        for number, line in enumerate(_lines(archive, "events.jsonl")):
            progress("events", number, max(number, total))
            _restore_event(store, archive, names, line)
        for line in _lines(archive, "incidents.jsonl"):
            store.incidents.put(incident_from(line))
        store.tasks.add(from_document(Task, line) for line in _lines(archive, "tasks.jsonl"))


# --- writing


def _write_lines(archive: zipfile.ZipFile, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
    with archive.open(name, "w", force_zip64=True) as file:
        for line in lines:
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _write_rows(
    archive: zipfile.ZipFile, kind: str, box_id: BoxId, read: Callable[..., list[Measurement] | list[Trend]]
) -> None:
    columns = _COLUMNS[kind]
    since, number = 0, 0
    while rows := read(box_id, since, 2**63 - 1, _ROWS):
        packed = io.BytesIO()
        arrays: dict[str, Any] = {name: np.array([getattr(row, name) for row in rows]) for name in columns}
        np.savez(packed, values=np.stack([row.values for row in rows]), **arrays)
        archive.writestr(f"{kind}/{box_id}/{number:06d}.npz", packed.getvalue())
        since, number = rows[-1].start_unix_ns + 1, number + 1


def _event_lines(store: Store, waveforms: list[AcquisitionId], progress: Progress) -> Iterator[Document]:
    """Make the line of each event; note its waveforms."""
    total = store.events.count()
    for number, event in enumerate(all_events(store)):
        progress("events", number, max(number, total))
        which = IncidentFilter(event_id=event.event_id)
        infos = store.waveforms.of_event(event.event_id)
        waveforms += [info.acquisition_id for info in infos]
        yield {
            "event": to_document(event),
            "boxes": [to_document(box) for box in store.events.boxes(event.event_id)],
            "acquisitions": [to_document(item) for item in store.acquisitions.of_event(event.event_id)],
            "waveforms": [to_document(info) for info in infos],
            "incidents": [incident_document(incident) for incident in store.incidents.list(which, _MANY)],
        }


def _write_waveforms(
    archive: zipfile.ZipFile, store: Store, waveforms: Sequence[AcquisitionId], progress: Progress
) -> Iterator[str]:
    """Write the bytes of waveforms; say which do not read."""
    for number, acquisition_id in enumerate(waveforms):
        progress("waveforms", number, len(waveforms))
        try:
            data = store.waveforms.data(acquisition_id)
        except (CorruptData, NotFound) as error:
            yield f"waveform {acquisition_id}: {error}"
        else:
            archive.writestr(f"waveforms/{acquisition_id}", data, zipfile.ZIP_STORED)


def _all_incidents(store: Store) -> Iterator[Incident]:
    page = store.incidents.list(limit=_PAGE)
    while page:
        yield from page
        page = store.incidents.list(limit=_PAGE, before=page[-1].incident_id)


# --- reading


def _open(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
        about = json.loads(archive.read(_ABOUT))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InvalidInput(f"{path}: this is no whole archive of a store ({error})") from error
    if about["format"] > FORMAT:
        raise InvalidInput(f"{path}: got format {about['format']}, expected at most {FORMAT}; a newer opq made it")
    try:
        damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        damaged = str(error)
    if damaged is not None:
        archive.close()
        raise CorruptData(f"{path}: it is damaged ({damaged}); nothing was restored")
    return archive


def _lines(archive: zipfile.ZipFile, name: str) -> Iterator[Document]:
    if name not in archive.namelist():  # what was not there yet when the file was written
        return
    with archive.open(name) as file:
        for line in file:
            yield json.loads(line)


def _restore_statuses(store: Store, archive: zipfile.ZipFile) -> None:
    for line in _lines(archive, "statuses.jsonl"):
        status = from_document(BoxStatus, line)
        # Where it was connected then it is not now.
        store.boxes.connected(replace(status, connected=False))
        seen = (status.last_frame_unix_ns, status.heard_unix_ns, status.u_rms_v, status.f_hz, status.thd_pct)
        store.boxes.seen([BoxSeen(status.box_id, *seen)])
        if status.last_gasp_unix_ns:
            store.boxes.gasped(status.box_id, status.last_gasp_unix_ns)


def _restore_rows(store: Store, archive: zipfile.ZipFile, name: str) -> None:
    kind, box_id, _ = name.split("/")
    with np.load(io.BytesIO(archive.read(name)), allow_pickle=False) as packed:
        columns = [packed[column].tolist() for column in _COLUMNS[kind]]
        # What was not measured then is not known: 0, as in frames that do not have it.
        values = np.nan_to_num(packed["values"], nan=0.0)
    rows = [dict(zip(_COLUMNS[kind], row, strict=True)) for row in zip(*columns, strict=True)]
    if kind == "measurements":
        store.measurements.add(
            [Measurement(box_id=BoxId(box_id), values=values[at], **row) for at, row in enumerate(rows)]
        )
    else:
        store.trends.put([Trend(box_id=BoxId(box_id), values=values[at], **row) for at, row in enumerate(rows)])


def _restore_event(store: Store, archive: zipfile.ZipFile, names: frozenset[str], line: Document) -> None:
    event = from_document(Event, line["event"])
    for document in line["waveforms"]:
        info = from_document(WaveformInfo, document)
        if f"waveforms/{info.acquisition_id}" in names:
            _restore_waveform(store, archive, info)
    store.acquisitions.put_all([from_document(Acquisition, item) for item in line["acquisitions"]])
    store.events.put_boxes([from_document(EventBox, item) for item in line["boxes"]])
    store.events.put(event)
    by_plugin: dict[str, list[Incident]] = {}
    for document in line["incidents"]:
        incident = incident_from(document)
        by_plugin.setdefault(incident.plugin, []).append(incident)
    for plugin, incidents in by_plugin.items():
        store.incidents.replace(plugin, event.event_id, incidents)


def _restore_waveform(store: Store, archive: zipfile.ZipFile, info: WaveformInfo) -> None:
    data = archive.read(f"waveforms/{info.acquisition_id}")
    for offset in range(0, len(data), _PIECE):
        store.waveforms.append(info.acquisition_id, offset, data[offset : offset + _PIECE])
    store.waveforms.commit(info)


_COLUMNS = {
    "measurements": ("start_unix_ns", "duration_ns", "sequence", "windows", "flags"),
    "trends": ("start_unix_ns", "windows", "flags"),
}
