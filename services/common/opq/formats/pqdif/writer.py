"""Writes recordings as PQDIF: a container, a data source, settings, and one observation per recording."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import numpy as np

from opq.errors import InvalidInput, LimitExceeded
from opq.formats.pqdif import build, tags
from opq.formats.pqdif.element import Collection, Kind, Value
from opq.formats.pqdif.ids import CHARACTERISTICS, QUANTITY_TYPES, VALUE_TYPES
from opq.formats.pqdif.observations import PHASES, UNITS
from opq.formats.pqdif.records import ALGORITHM_ZLIB, COMPRESSION_RECORD
from opq.formats.pqdif.series import STORED_INCREMENT, STORED_SCALED, STORED_VALUES
from opq.formats.recording import ChannelInfo, SampleArray, StoredRecording
from opq.formats.writing import WriteOptions, Written, replacing, walk

_VERSION = (1, 5, 1, 0)
"""Written by version 1.5, readable by readers of 1.0."""
_SOURCE_MEASURED = UUID("e6b51730-f747-11cf-9d89-0080c72e70a3")
_TRIGGER_NONE = 0
_MOST_BYTES = 2**31 - 1
"""Links and sizes are 32 bits, signed in some readers."""
_MOST_VALUES = 50_000_000
"""A record is built in memory: no more values than these [all channels of one recording]."""
_QUANTITY = {"V": 1, "A": 2, "W": 3, "VA": 3, "var": 3}
_PHASE_IDS = {phase: number for number, phase in PHASES.items()}
_UNIT_IDS = {unit: number for number, unit in UNITS.items()}
_UNIX_EPOCH = 0
_Definition = tuple[str, str, str]
"""Name, unit and phase of a channel."""


def _id(table: dict[UUID, str], name: str) -> UUID:
    return next(identifier for identifier, known in table.items() if known == name)


_WAVEFORM = _id(QUANTITY_TYPES, "waveform")
_TIME, _VAL = _id(VALUE_TYPES, "time"), _id(VALUE_TYPES, "val")
_INSTANTANEOUS = _id(CHARACTERISTICS, "instantaneous")


def write_pqdif(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write recordings as observations of one data source, every record but the first compressed by zlib.

    Samples are stored as 16-bit numbers with scale and offset where that is exact, else as float32 where that is
    exact, else as float64.

    Raises
    ------
    InvalidInput
        If a recording is too large for one record.
    """
    notes: list[str] = []
    channels = _channels(recordings)
    samples = 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        # The last record says that it is the last: each is written when the next one is known.
        records = _records(path, recordings, channels, options, notes)
        held = next(records)
        for following in records:
            file.write(build.record_bytes(held, file.tell(), last=False))
            held = following
        file.write(build.record_bytes(held, file.tell(), last=True))
        if file.tell() > _MOST_BYTES:
            raise LimitExceeded(f"{path}: the file would have {file.tell()} bytes, a PQDIF file at most {_MOST_BYTES}")
    samples = sum(recording.samples for recording in recordings)
    return Written("pqdif", (path,), len(recordings), len(channels), samples, notes)


def _channels(recordings: Sequence[StoredRecording]) -> list[_Definition]:
    """Return the channels that are to be defined."""
    return list(dict.fromkeys(_key(info) for recording in recordings for info in recording.channels))


def _key(info: ChannelInfo) -> _Definition:
    return info.name, info.unit, info.phase


def _records(
    path: Path,
    recordings: Sequence[StoredRecording],
    channels: list[_Definition],
    options: WriteOptions,
    notes: list[str],
) -> Iterator[Collection]:
    first = recordings[0]
    begins = [one.start_unix_ns for one in recordings if one.start_unix_ns is not None]
    earliest = min(begins, default=_UNIX_EPOCH)
    yield build.collection(
        tags.CONTAINER,
        build.vector(tags.VERSION_INFO, Kind.UINT4, np.array(_VERSION)),
        build.text(tags.FILE_NAME, path.name),
        build.timestamp(tags.CREATION, earliest),
        build.text(tags.APPLICATION, "OPQ"),
        build.uint4(tags.COMPRESSION_STYLE_ID, COMPRESSION_RECORD),
        build.uint4(tags.COMPRESSION_ALGORITHM_ID, ALGORITHM_ZLIB),
    )
    yield build.collection(
        tags.REC_DATA_SOURCE,
        build.guid(tags.DATA_SOURCE_TYPE_ID, _SOURCE_MEASURED),
        build.text(tags.NAME_DS, first.details.station or "OPQ"),
        *([build.text(tags.INSTRUMENT_MODEL_NAME, first.details.device)] if first.details.device else []),
        build.timestamp(tags.EFFECTIVE, earliest),
        build.numbered(tags.CHANNEL_DEFNS, tags.ONE_CHANNEL_DEFN, [_definition(*channel) for channel in channels]),
    )
    yield build.collection(
        tags.REC_MONITOR_SETTINGS,
        build.timestamp(tags.EFFECTIVE, earliest),
        build.timestamp(tags.TIME_INSTALLED, earliest),
        build.boolean(tags.USE_CALIBRATION, False),
        build.boolean(tags.USE_TRANSDUCER, False),
        *([build.real8(tags.NOMINAL_FREQUENCY, first.details.f_nominal_hz)] if first.details.f_nominal_hz else []),
        build.numbered(
            tags.CHANNEL_SETTINGS_ARRAY,
            tags.ONE_CHANNEL_SETTING,
            [[build.uint4(tags.CHANNEL_DEFN_IDX, number)] for number in range(len(channels))],
        ),
    )
    for number, recording in enumerate(recordings, 1):
        yield _observation(number, recording, channels, options, notes)


def _definition(name: str, unit: str, phase: str) -> list[Collection | Value]:
    def series(value_type: UUID, unit_id: int, method: int) -> list[Collection | Value]:
        return [
            build.uint4(tags.QUANTITY_UNITS_ID, unit_id),
            build.guid(tags.QUANTITY_CHARACTERISTIC_ID, _INSTANTANEOUS),
            build.guid(tags.VALUE_TYPE_ID, value_type),
            build.uint4(tags.STORAGE_METHOD_ID, method),
        ]

    values = series(_VAL, _UNIT_IDS.get(unit, 0), STORED_VALUES | STORED_SCALED)
    return [
        build.text(tags.CHANNEL_NAME, name),
        build.uint4(tags.PHASE_ID, _PHASE_IDS.get(phase, 0)),
        build.guid(tags.QUANTITY_TYPE_ID, _WAVEFORM),
        build.uint4(tags.QUANTITY_MEASURED_ID, _QUANTITY.get(unit, 0)),
        build.numbered(
            tags.SERIES_DEFNS, tags.ONE_SERIES_DEFN, [series(_TIME, _UNIT_IDS["s"], STORED_INCREMENT), values]
        ),
    ]


def _observation(
    number: int,
    recording: StoredRecording,
    channels: list[_Definition],
    options: WriteOptions,
    notes: list[str],
) -> Collection:
    samples = _samples(recording, options)
    start = recording.start_unix_ns
    if start is None:
        notes.append(f"recording {number} has no time; written as 1970")
    begins = _UNIX_EPOCH if start is None else start
    times = build.vector(tags.SERIES_VALUES, Kind.REAL8, np.array([1, samples.shape[1], 1 / recording.sample_rate_hz]))
    instances: list[list[Collection | Value]] = []
    for at, (info, row) in enumerate(zip(recording.channels, samples, strict=True)):
        stored = _stored(info, row)
        # All channels share the times of the first.
        share: list[Collection | Value] = [
            build.uint4(tags.SERIES_SHARE_CHANNEL_IDX, 0),
            build.uint4(tags.SERIES_SHARE_SERIES_IDX, 0),
        ]
        if info.unit not in _UNIT_IDS and info.unit != "count":
            notes.append(f"channel {info.name!r}: PQDIF has no unit {info.unit!r}, written without one")
        instances.append(
            [
                build.uint4(tags.CHANNEL_DEFN_IDX, channels.index(_key(info))),
                build.numbered(
                    tags.SERIES_INSTANCES, tags.ONE_SERIES_INSTANCE, [[times] if at == 0 else share, stored]
                ),
            ]
        )
    trigger = recording.details.trigger_unix_ns
    return build.collection(
        tags.REC_OBSERVATION,
        build.text(tags.OBSERVATION_NAME, f"Recording {number}"),
        build.timestamp(tags.TIME_CREATE, begins),
        build.timestamp(tags.TIME_START, begins),
        build.uint4(tags.TRIGGER_METHOD_ID, _TRIGGER_NONE),
        *([build.timestamp(tags.TIME_TRIGGERED, trigger)] if trigger is not None and trigger >= 0 else []),
        build.numbered(tags.CHANNEL_INSTANCES, tags.ONE_CHANNEL_INST, instances),
    )


def _samples(recording: StoredRecording, options: WriteOptions) -> SampleArray:
    values = recording.samples * len(recording.channels)
    if values > _MOST_VALUES:
        raise LimitExceeded(
            f"{recording.source}: {values} values are too many for one PQDIF record, at most {_MOST_VALUES};"
            " write Parquet or COMTRADE, or cut it"
        )
    blocks = list(walk(recording, options))
    if not blocks:
        raise InvalidInput(f"{recording.source}: holds no samples to write")
    return np.concatenate(blocks, axis=1)


def _stored(info: ChannelInfo, samples: SampleArray) -> list[Collection | Value]:
    """Return the elements of a series: numbers with scale and offset, or values; the smallest form that is exact."""
    if info.step > 0:
        numbers = np.rint((samples - info.offset) / info.step)
        exact = np.abs(numbers * info.step + info.offset - samples).max() <= 1e-9 * info.step * max(
            1.0, float(np.abs(numbers).max())
        )
        if exact and np.abs(numbers).max() <= 32767:
            return _scaled(info.step, info.offset, Kind.INT2, numbers)
    with np.errstate(over="ignore"):
        single = bool((samples.astype(np.float32) == samples).all())
    return _scaled(1.0, 0.0, Kind.REAL4 if single else Kind.REAL8, samples)


def _scaled(step: float, offset: float, kind: Kind, numbers: SampleArray) -> list[Collection | Value]:
    return [
        build.real8(tags.SERIES_SCALE, step),
        build.real8(tags.SERIES_OFFSET, offset),
        build.vector(tags.SERIES_VALUES, kind, numbers),
    ]
