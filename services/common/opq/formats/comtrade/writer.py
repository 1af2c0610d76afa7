"""Writes recordings as COMTRADE: a ``.cfg`` with a ``.dat``, or a ``.cff``."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from opq.clock import NS
from opq.errors import InvalidInput, check_option
from opq.formats.comtrade.config import (
    ASCII,
    BINARY,
    BINARY32,
    DATA_FORMS,
    FLOAT32,
    AnalogChannel,
    Config,
    RateSection,
    StatusChannel,
)
from opq.formats.comtrade.config_text import config_text
from opq.formats.recording import ChannelInfo, SampleArray, StateArray, StoredRecording
from opq.formats.writing import Extent, WriteOptions, Written, block_length, extent, replacing, walk

_GREATEST = {ASCII: 99_998, BINARY: 32_767, BINARY32: 2**31 - 1, FLOAT32: 0}
"""Greatest stored number; what is left over means a missing value."""
_ANALOG = {BINARY: "<i2", BINARY32: "<i4", FLOAT32: "<f4"}
_GREATEST_FLOAT = float(np.finfo(np.float32).max)
_MOST_TICKS = 4_000_000_000
_MOST_SAMPLES = 2**32 - 1


def write_comtrade(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write recordings that follow one another without a gap, one sample rate each; usually it is one recording.

    `options.variant` is the form of the samples: ``binary`` (16 bits, the default), ``binary32``, ``float32`` or
    ``ascii``. The factor and offset of a channel stay those it had where its values fit them. The year of the standard
    is 1999 for a pair of ``ascii`` or ``binary``, else 2013.

    Raises
    ------
    InvalidInput
        If the recordings do not fit in one file.
    """
    form = check_option("COMTRADE data", (options.variant or BINARY).upper(), DATA_FORMS)
    notes: list[str] = []
    extents = [extent(stored, options) for stored in recordings]
    _check(path, recordings, extents)
    config = _config(path, recordings, extents, form)
    start = recordings[0].start_unix_ns
    if start is not None and start % 1000:
        notes.append("the start is kept to a microsecond")
    files = _container(path, config, recordings, options) if path.suffix.lower() == ".cff" else ()
    files = files or _pair(path, config, recordings, options)
    total = sum(one.samples for one in extents)
    return Written("comtrade", files, len(recordings), len(config.analog), total, notes)


def _check(path: Path, recordings: Sequence[StoredRecording], extents: Sequence[Extent]) -> None:
    first = recordings[0]
    if sum(one.samples for one in extents) > _MOST_SAMPLES:
        raise InvalidInput(f"{path}: COMTRADE numbers samples with 32 bits; got more than {_MOST_SAMPLES}")
    for before, stored, was in zip(recordings[:-1], recordings[1:], extents[:-1], strict=True):
        same = [one.name for one in stored.channels] == [one.name for one in first.channels]
        step_ns = NS / before.sample_rate_hz
        expected = None if before.start_unix_ns is None else before.start_unix_ns + was.samples * step_ns
        follows = (
            expected is not None
            and stored.start_unix_ns is not None
            and abs(stored.start_unix_ns - expected) <= step_ns
        )
        if not (same and follows and stored.digital == first.digital):
            raise InvalidInput(
                f"{path}: one COMTRADE recording holds sections that follow one another; {stored.source} does not follow"
            )


def _config(path: Path, recordings: Sequence[StoredRecording], extents: Sequence[Extent], form: str) -> Config:
    first = recordings[0]
    least = np.min([one.least for one in extents], axis=0)
    most = np.max([one.most for one in extents], axis=0)
    analog = tuple(
        _analog(info, float(low), float(high), form)
        for info, low, high in zip(first.channels, least, most, strict=True)
    )
    sections, last, seconds = [], 0, 0.0
    for stored, one in zip(recordings, extents, strict=True):
        last += one.samples
        seconds += one.samples / stored.sample_rate_hz
        sections.append(RateSection(stored.sample_rate_hz, last))
    newer = form in (BINARY32, FLOAT32) or path.suffix.lower() == ".cff"
    return Config(
        station=first.details.station,
        device=first.details.device,
        revision=2013 if newer else 1999,
        analog=analog,
        digital=tuple(StatusChannel(one.name, one.phase, one.component, one.normal) for one in first.digital),
        f_nominal_hz=first.details.f_nominal_hz,
        sections=tuple(sections),
        start_unix_ns=first.start_unix_ns,
        trigger_unix_ns=first.details.trigger_unix_ns,
        data_form=form,
        tick_ns=1000.0 * max(1, int(np.ceil(seconds * 1e6 / _MOST_TICKS))),
    )


def _analog(info: ChannelInfo, least: float, most: float, form: str) -> AnalogChannel:
    if form == FLOAT32:
        if max(-least, most) > _GREATEST_FLOAT:
            raise InvalidInput(f"channel {info.name!r}: {max(-least, most):g} {info.unit} does not fit in float32")
        a, b, limit = 1.0, 0.0, _GREATEST_FLOAT
    else:
        limit = float(_GREATEST[form])
        a, b = _factor(info, least, most, limit)
    return AnalogChannel(
        info.name, info.phase, info.component, info.unit, a, b, 0.0, -limit, limit,
        info.primary, info.secondary, info.side,
    )  # fmt: skip


def _factor(info: ChannelInfo, least: float, most: float, limit: float) -> tuple[float, float]:
    """Return a and b: those the channel has if its values fit, else so that its range is that of the numbers."""
    if info.step > 0 and max(most - info.offset, info.offset - least) <= (limit + 0.4) * info.step:
        return info.step, info.offset
    middle = least / 2 + most / 2
    return (most / 2 - least / 2) / limit or 1.0, middle


def _pair(path: Path, config: Config, recordings: Sequence[StoredRecording], options: WriteOptions) -> tuple[Path, ...]:
    capital = path.suffix.isupper()
    config_path, data_path = (path.with_suffix(one.upper() if capital else one) for one in (".cfg", ".dat"))
    with replacing(data_path) as data_file, replacing(config_path) as config_file:
        with data_file.open("wb") as file:
            _write_samples(file, config, recordings, options)
        config_file.write_bytes(config_text(config).encode())
    return config_path, data_path


def _container(
    path: Path, config: Config, recordings: Sequence[StoredRecording], options: WriteOptions
) -> tuple[Path, ...]:
    """Write a ``.cff`` (2013, clause 9 (M)); the length of binary samples stands before them, so they are written first."""
    with replacing(path) as target, tempfile.TemporaryFile(dir=path.parent) as data:
        _write_samples(data, config, recordings, options)
        # Readers look for the words of the standard, ASCII or BINARY, or for the form itself.
        length = "" if config.data_form == ASCII else f": {data.tell()}"
        data.seek(0)
        with target.open("wb") as file:
            head = f"--- file type: CFG ---\r\n{config_text(config)}"
            head += "--- file type: INF ---\r\n\r\n--- file type: HDR ---\r\n\r\n"
            file.write(f"{head}--- file type: DAT {config.data_form}{length} ---\r\n".encode())
            shutil.copyfileobj(data, file, 1 << 20)
    return (path,)


def _write_samples(
    file: BinaryIO, config: Config, recordings: Sequence[StoredRecording], options: WriteOptions
) -> None:
    factors = np.array([[channel.a] for channel in config.analog])
    offsets = np.array([[channel.b] for channel in config.analog])
    at, seconds = 0, 0.0
    for stored in recordings:
        began = at
        for block, states in _in_step(stored, options):
            numbers = np.arange(at, at + block.shape[1])
            ticks = np.rint((seconds + (numbers - began) / stored.sample_rate_hz) * (NS / config.tick_ns))
            values = (block - offsets) / factors
            if config.data_form == ASCII:
                _write_lines(file, numbers + 1, ticks.astype(np.int64), np.rint(values).astype(np.int64), states)
            else:
                _write_records(file, config.data_form, numbers + 1, ticks, values, states)
            at += block.shape[1]
        seconds += (at - began) / stored.sample_rate_hz


def _in_step(stored: StoredRecording, options: WriteOptions) -> Iterator[tuple[SampleArray, StateArray]]:
    """Yield blocks of samples with the states at the same time."""
    if not stored.digital:
        for block in walk(stored, options):
            yield block, np.empty((0, block.shape[1]), np.uint8)
        return
    yield from zip(walk(stored, options), stored.digital_blocks(block_length(stored)), strict=True)


def _write_records(
    file: BinaryIO, form: str, numbers: np.ndarray, ticks: np.ndarray, values: SampleArray, states: StateArray
) -> None:
    analog = np.dtype(_ANALOG[form])
    words = -(-len(states) // 16)
    record = np.dtype(
        [("number", "<u4"), ("stamp", "<u4"), ("analog", analog, (len(values),)), ("digital", "<u2", (words,))]
    )
    records = np.zeros(values.shape[1], record)
    records["number"], records["stamp"] = numbers, ticks
    records["analog"] = (values if form == FLOAT32 else np.rint(values)).T
    if words:
        bits = np.zeros((values.shape[1], words * 16), np.uint8)
        bits[:, : len(states)] = states.T
        records["digital"] = np.packbits(bits, axis=1, bitorder="little").view("<u2")
    file.write(records.tobytes())


def _write_lines(
    file: BinaryIO, numbers: np.ndarray, ticks: np.ndarray, values: np.ndarray, states: StateArray
) -> None:
    table = np.concatenate([numbers[np.newaxis], ticks[np.newaxis], values, states.astype(np.int64)])
    file.write("".join(",".join(map(str, row)) + "\r\n" for row in table.T.tolist()).encode())
