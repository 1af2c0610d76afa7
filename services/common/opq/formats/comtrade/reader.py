"""Opens a COMTRADE recording."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from opq.clock import NS
from opq.errors import InvalidInput
from opq.formats.comtrade.ascii_samples import AsciiSamples
from opq.formats.comtrade.config import ASCII, DATA_FORMS, FLOAT32, AnalogChannel, Config
from opq.formats.comtrade.config_parser import parse_config
from opq.formats.comtrade.layout import Layout, find_layout
from opq.formats.comtrade.samples import BinarySamples, StoredSamples
from opq.formats.comtrade.times import Section, brought_to_rate, sections
from opq.formats.missing import filled
from opq.formats.recording import ChannelInfo, Details, DigitalChannel, SampleArray, StateArray, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.text import decoded, note
from opq.formats.units import base_unit


def open_comtrade(path: Path, sample_rate_hz: float | None) -> RecordingFile:
    """Open a ``.cfg`` with its ``.dat``, or a ``.cff``; one recording per sample rate. Voltages come in volts.

    Missing values are interpolated; `notes` says how many there were. A file that is cut off gives what is there.

    Raises
    ------
    InvalidInput
        If a file of the pair is missing, the configuration cannot be read (naming the line), or there are no samples.
    """
    notes: list[str] = []
    layout = find_layout(path, notes)
    config = parse_config(decoded(layout.config, notes), str(layout.config_path), notes, layout.first_line)
    if not config.analog:
        raise InvalidInput(f"{path}: holds no analogue channels")
    config = _with_form(config, layout, notes)
    stored: StoredSamples = (
        AsciiSamples(layout, config, notes) if config.data_form == ASCII else BinarySamples(layout, config, notes)
    )
    if not stored.count:
        raise InvalidInput(f"{path}: holds no samples ({layout.length} bytes of data)")
    parts = sections(config, stored, str(path), sample_rate_hz, notes)
    _note_secondary(config, notes)
    recordings = tuple(
        _recording(
            f"{path} #{number} {part.rate_hz:g} Hz" if len(parts) > 1 else str(path), config, stored, part, notes
        )
        for number, part in enumerate(parts, 1)
    )
    return RecordingFile(str(path), "comtrade", recordings, notes)


def _with_form(config: Config, layout: Layout, notes: list[str]) -> Config:
    """Believe the container where it and the configuration differ: what stands next to the samples is right."""
    if layout.data_form in ("", config.data_form) or layout.data_form not in DATA_FORMS:
        return config
    if (layout.data_form, config.data_form) in (("BINARY", "BINARY32"), ("BINARY", "FLOAT32")):
        # The container knows the word BINARY only for all three; the configuration says which.
        return config
    note(notes, f"the configuration says {config.data_form}, the container {layout.data_form}: read as the latter")
    return dataclasses.replace(config, data_form=layout.data_form)


def _note_secondary(config: Config, notes: list[str]) -> None:
    ratios: dict[str, list[str]] = {}
    for channel in config.analog:
        if channel.side == "S" and channel.primary != channel.secondary:
            ratios.setdefault(f"{channel.primary:g}:{channel.secondary:g}", []).append(channel.name)
    for ratio, names in ratios.items():
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        note(notes, f"values of the secondary side of transformers {ratio}, not multiplied: {shown}")


def _recording(
    source: str, config: Config, stored: StoredSamples, section: Section, notes: list[str]
) -> StoredRecording:
    infos = tuple(_info(channel, config.data_form) for channel in config.analog)
    factors = np.array([[channel.a * base_unit(channel.unit)[1]] for channel in config.analog])
    offsets = np.array([[channel.b * base_unit(channel.unit)[1]] for channel in config.analog])

    def chunks(numbers: tuple[int, ...]) -> Iterator[SampleArray]:
        rows = list(numbers)
        raw = filled(
            stored.numbers(numbers, section.first, section.last), [infos[number].name for number in rows], notes
        )
        return brought_to_rate((values * factors[rows] + offsets[rows] for values in raw), section)

    def states() -> Iterator[StateArray]:
        return stored.states(section.first, section.last)

    even = section.even
    start = None if config.start_unix_ns is None else config.start_unix_ns + round(section.start_s * NS)
    return StoredRecording(
        source=source,
        channels=infos,
        sample_rate_hz=section.rate_hz,
        start_unix_ns=start,
        samples=section.samples,
        chunks=chunks,
        details=Details(config.station, config.device, config.f_nominal_hz, config.trigger_unix_ns),
        digital=tuple(DigitalChannel(one.name, one.phase, one.component, one.normal) for one in config.digital)
        if even
        else (),
        states=states if even else None,
    )


def _info(channel: AnalogChannel, data_form: str) -> ChannelInfo:
    unit, scale = base_unit(channel.unit)
    stepped = data_form != FLOAT32 and channel.a != 0
    return ChannelInfo(
        name=channel.name,
        unit=unit,
        phase=channel.phase,
        component=channel.component,
        step=abs(channel.a) * scale if stepped else 0.0,
        offset=channel.b * scale if stepped else 0.0,
        primary=channel.primary,
        secondary=channel.secondary,
        side=channel.side,
    )
