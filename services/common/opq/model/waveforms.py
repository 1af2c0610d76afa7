"""Raw waveform of one box, as it is stored and as it is looked at."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.ids import AcquisitionId, BoxId, EventId
from opq.model.features import TimeSource

CountArray = npt.NDArray[np.int16]
VoltArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """Samples without a gap: `samples` of them from `start_unix_ns` on."""

    start_unix_ns: int
    samples: int


@dataclass(frozen=True, slots=True)
class WaveformInfo:
    """Everything about a stored waveform but its samples.

    The samples of all segments lie one behind the other, int16 counts; volts = counts x `volts_per_count`.
    """

    acquisition_id: AcquisitionId
    event_id: EventId
    box_id: BoxId
    sample_rate_hz: float
    volts_per_count: float
    segments: tuple[Segment, ...]
    crc32: int
    """CRC-32 (zlib) of the samples as little-endian int16."""
    encoded_bytes: int
    time_source: TimeSource = TimeSource.FREE
    clock_uncertainty_ns: int = 0
    missing: str = ""
    """What of the requested interval is not in it and why; empty if nothing."""

    @property
    def samples(self) -> int:
        """Number of samples in all segments."""
        return sum(segment.samples for segment in self.segments)

    @property
    def start_unix_ns(self) -> int:
        """Time of the first sample."""
        return self.segments[0].start_unix_ns


@dataclass(frozen=True, slots=True, eq=False)
class VoltageSegment:
    """A gapless piece of voltage.

    Attributes
    ----------
    volts : (n,) float64
        Instantaneous voltage [V].
    """

    start_unix_ns: int
    sample_rate_hz: float
    volts: VoltArray

    @property
    def end_unix_ns(self) -> int:
        """Time after the last sample."""
        return self.start_unix_ns + round(len(self.volts) * NS / self.sample_rate_hz)


def voltage_segments(info: WaveformInfo, counts: CountArray) -> list[VoltageSegment]:
    """Cut the decoded samples of a waveform into its gapless pieces, in volts."""
    pieces, offset = [], 0
    for segment in info.segments:
        volts = counts[offset : offset + segment.samples].astype(np.float64) * info.volts_per_count
        pieces.append(VoltageSegment(segment.start_unix_ns, info.sample_rate_hz, volts))
        offset += segment.samples
    return pieces


def join_segments(pieces: list[VoltageSegment]) -> list[VoltageSegment]:
    """Sort pieces by time, drop what overlaps and join those that follow each other within one sample."""
    joined: list[VoltageSegment] = []
    for piece in sorted(pieces, key=lambda piece: piece.start_unix_ns):
        if not joined or piece.sample_rate_hz != joined[-1].sample_rate_hz:
            joined.append(piece)
            continue
        last = joined[-1]
        gap = round((piece.start_unix_ns - last.end_unix_ns) * piece.sample_rate_hz / NS)
        if gap > 1:
            joined.append(piece)
            continue
        fresh = piece.volts[max(0, -gap) :]
        if len(fresh):
            joined[-1] = VoltageSegment(last.start_unix_ns, last.sample_rate_hz, np.concatenate([last.volts, fresh]))
    return joined
