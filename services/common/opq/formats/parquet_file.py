"""Parquet, through pyarrow: one column per channel, everything else in the metadata of the schema.

pyarrow is large and not in every installation (extra ``parquet``), so it is imported when a file is opened.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from opq.errors import InvalidInput, Unavailable
from opq.formats.csv_times import is_time
from opq.formats.missing import filled
from opq.formats.parquet_times import time_axis
from opq.formats.recording import ChannelInfo, Details, SampleArray, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.units import base_unit
from opq.formats.writing import WriteOptions, Written, only, replacing, walk

_BATCH = 65_536
_PREFIX = "opq."
_MOST_ROW_GROUP_BYTES = 4 << 30


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise Unavailable("Parquet needs pyarrow, which is not installed: pip install 'opq[analyze]'") from error
    return pyarrow


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises into errors that name the file."""
    pyarrow = _pyarrow()
    try:
        yield
    except InvalidInput:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(f"{path}: not readable as Parquet: {text[:300]}") from error


def open_parquet(path: Path, sample_rate_hz: float | None) -> RecordingFile:
    """Open the columns of numbers. The rate is that of the metadata, or of a time column as in CSV.

    Raises
    ------
    InvalidInput
        If pyarrow does not read it, or there is neither a rate nor an even time column.
    """
    _pyarrow()
    notes: list[str] = []
    with _named(path), _opened(path) as file:
        schema, samples = file.schema_arrow, int(file.metadata.num_rows)
        _check_sizes(path, file.metadata)
        meta = {str(key, "utf-8", "replace"): value for key, value in (schema.metadata or {}).items()}
        columns = [_column(number, field) for number, field in enumerate(schema) if _is_channel(field)]
        if not columns or samples < 1:
            raise InvalidInput(f"{path}: holds {len(columns)} columns of numbers with {samples} rows")
        rate, start = _number(meta, "sample_rate_hz"), _whole(meta, "start_unix_ns")
        if sample_rate_hz is None and rate is None:
            axis = time_axis(path, schema, lambda name: _column_batches(file, name))
            rate, start = axis.rate_hz, axis.start_unix_ns
    names = [name for _, name, _ in columns]
    infos = tuple(info for info, _, _ in columns)
    scales = [scale for _, _, scale in columns]
    stored = StoredRecording(
        source=str(path),
        channels=infos,
        sample_rate_hz=sample_rate_hz or rate or 0.0,
        start_unix_ns=start,
        samples=samples,
        chunks=_chunks(path, names, infos, scales, notes),
        details=Details(_text(meta, "station"), _text(meta, "device"), _number(meta, "f_nominal_hz") or 0.0),
    )
    return RecordingFile(str(path), "parquet", (stored,), notes)


def _opened(path: Path) -> Any:
    return _pyarrow().parquet.ParquetFile(str(path), memory_map=False, page_checksum_verification=True)


def _check_sizes(path: Path, metadata: Any) -> None:
    """Refuse row groups that announce more than a machine should unpack at once."""
    for number in range(metadata.num_row_groups):
        size = int(metadata.row_group(number).total_byte_size)
        if size > _MOST_ROW_GROUP_BYTES or size < 0:
            raise InvalidInput(
                f"{path}: row group {number + 1} announces {size} bytes, at most {_MOST_ROW_GROUP_BYTES}"
            )


def _is_channel(field: Any) -> bool:
    types = _pyarrow().types
    numeric = types.is_floating(field.type) or types.is_integer(field.type)
    return bool(numeric and ((field.metadata and b"unit" in field.metadata) or not is_time(field.name)))


def _column(number: int, field: Any) -> tuple[ChannelInfo, str, float]:
    """Return what is known of a column, its name in the file, and the factor to its unit."""
    meta = {str(key, "utf-8", "replace"): value for key, value in (field.metadata or {}).items()}

    def text(key: str) -> str:
        return meta[key].decode("utf-8", "replace") if key in meta else ""

    unit, scale = base_unit(text("unit") or ("A" if field.name.lower().endswith("_a") else "V"))
    info = ChannelInfo(
        text("name") or field.name, unit, text("phase"), text("component"),
        (_number(meta, "step", "") or 0.0) * scale, (_number(meta, "offset", "") or 0.0) * scale,
    )  # fmt: skip
    return info, field.name, scale


def _chunks(
    path: Path, names: list[str], infos: tuple[ChannelInfo, ...], scales: list[float], notes: list[str]
) -> Callable[[tuple[int, ...]], Iterator[SampleArray]]:
    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        return filled(
            _read(path, [(names[one], scales[one]) for one in wanted]), [infos[one].name for one in wanted], notes
        )

    return chunks


def _read(path: Path, wanted: list[tuple[str, float]]) -> Iterator[SampleArray]:
    with _named(path), _opened(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH, columns=sorted({name for name, _ in wanted})):
            yield np.stack([_float64(batch.column(name)) * scale for name, scale in wanted])


def _column_batches(file: Any, name: str) -> Iterator[Any]:
    for batch in file.iter_batches(batch_size=_BATCH, columns=[name]):
        yield batch.column(name)


def _float64(column: Any) -> SampleArray:
    return np.asarray(column.cast(_pyarrow().float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def write_parquet(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write one recording as float64 columns, in row groups that are small in memory; nothing but states is lost."""
    pyarrow = _pyarrow()
    stored = only(recordings, path, "Parquet")
    names = _unique([info.name for info in stored.channels])
    fields = [
        pyarrow.field(name, pyarrow.float64(), metadata=_field_metadata(info))
        for name, info in zip(names, stored.channels, strict=True)
    ]
    details = {
        "sample_rate_hz": repr(stored.sample_rate_hz),
        "start_unix_ns": "" if stored.start_unix_ns is None else str(stored.start_unix_ns),
        "station": stored.details.station,
        "device": stored.details.device,
        "f_nominal_hz": repr(stored.details.f_nominal_hz),
    }
    schema = pyarrow.schema(fields, metadata={_PREFIX + key: value for key, value in details.items()})
    count = 0
    with (
        replacing(path) as temporary,
        pyarrow.parquet.ParquetWriter(str(temporary), schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        for block in walk(stored, options):
            writer.write_batch(pyarrow.record_batch([pyarrow.array(row) for row in block], schema=schema))
            count += block.shape[1]
    notes = ["Parquet does not keep digital channels"] if stored.digital else []
    return Written("parquet", (path,), 1, len(stored.channels), count, notes)


def _unique(names: list[str]) -> list[str]:
    found: list[str] = []
    for number, name in enumerate(names, 1):
        free = name and name not in found
        found.append(name if free else f"{name or 'channel'} ({number})")
    return found


def _field_metadata(info: ChannelInfo) -> dict[str, str]:
    return {
        "name": info.name, "unit": info.unit, "phase": info.phase, "component": info.component,
        "step": repr(info.step), "offset": repr(info.offset),
    }  # fmt: skip


def _text(meta: dict[str, bytes], key: str) -> str:
    return meta.get(_PREFIX + key, b"").decode("utf-8", "replace")


def _number(meta: dict[str, bytes], key: str, prefix: str = _PREFIX) -> float | None:
    try:
        value = float(meta[prefix + key])
    except (KeyError, ValueError):
        return None
    return value if abs(value) < 1e30 and (not prefix or 1e-6 <= value <= 1e12) else None


def _whole(meta: dict[str, bytes], key: str) -> int | None:
    text = _text(meta, key)
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 20 else None
