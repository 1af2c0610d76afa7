"""Waveforms of an event, read and decoded once and kept for the viewers who come after."""

from collections.abc import Sequence

import streamlit as st

from opq.codec import decode, samples_crc32
from opq.errors import CorruptData
from opq.ids import AcquisitionId, BoxId
from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.model.waveforms import CountArray, VoltageSegment, WaveformInfo, join_segments, voltage_segments
from opq.signal.segments import HalfCycleSeries, half_cycle_series, segment_windows
from opq_view.components.access import waveform_data

_KEPT = 96
"""Waveforms kept decoded, 2 bytes a sample: a few events with all their boxes, tens of megabytes at most."""


def recorded_segments(infos: Sequence[WaveformInfo]) -> list[VoltageSegment]:
    """Return the gapless pieces of all waveforms of one box, oldest first.

    Raises
    ------
    CorruptData, NotFound
        If bytes are damaged or gone.
    """
    return join_segments(
        [piece for info in infos for piece in voltage_segments(info, _counts(info.acquisition_id, info))]
    )


def rms_series(infos: Sequence[WaveformInfo], nominal: Nominal) -> list[HalfCycleSeries]:
    """Return Urms(1/2) of each gapless piece of one box; raises as `recorded_segments`."""
    return _rms(tuple(info.acquisition_id for info in infos), nominal, infos)


def window_series(infos: Sequence[WaveformInfo], nominal: Nominal) -> list[Windows]:
    """Return the windows of each gapless piece of one box; raises as `recorded_segments`."""
    return _windows(tuple(info.acquisition_id for info in infos), nominal, infos)


def by_box(infos: Sequence[WaveformInfo]) -> dict[BoxId, list[WaveformInfo]]:
    """Group waveforms by box, in their order."""
    grouped: dict[BoxId, list[WaveformInfo]] = {}
    for info in infos:
        grouped.setdefault(info.box_id, []).append(info)
    return grouped


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _counts(acquisition_id: AcquisitionId, _info: WaveformInfo) -> CountArray:
    counts = decode(waveform_data(acquisition_id))
    if len(counts) != _info.samples or samples_crc32(counts) != _info.crc32:
        raise CorruptData(f"waveform {acquisition_id}: its samples are not those that were recorded (checksum)")
    return counts


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _rms(
    acquisition_ids: tuple[AcquisitionId, ...], nominal: Nominal, _infos: Sequence[WaveformInfo]
) -> list[HalfCycleSeries]:
    return [half_cycle_series(piece, nominal) for piece in recorded_segments(_infos)]


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _windows(
    acquisition_ids: tuple[AcquisitionId, ...], nominal: Nominal, _infos: Sequence[WaveformInfo]
) -> list[Windows]:
    return [segment_windows(piece, nominal) for piece in recorded_segments(_infos)]
