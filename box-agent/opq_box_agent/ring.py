"""The last hour of raw samples on disk, memory-mapped; survives a restart of the agent.

The file is a header, a table of slots and the samples::

    header   magic, sample rate, slots, samples per slot
    table    per slot: number (u64, 0 = empty), start time (i64 ns), samples (u32), CRC-32 of these (u32)
    samples  slots x samples per slot x int16

A block of samples is cut into slots; slot number n lies at n modulo the number of slots. A slot's entry is
written after its samples, with a checksum, so a torn write is an empty slot and harms no other.
"""

import mmap
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opq.clock import NS
from opq.errors import InvalidInput
from opq.model.waveforms import CountArray, Segment

_HEADER = struct.Struct("<8sdII")
_ENTRY = struct.Struct("<QqII")
_ENTRY_BODY = struct.Struct("<QqI")
_MAGIC = b"OPQRING1"
SLOT_SAMPLES = 2400


@dataclass(frozen=True, slots=True, eq=False)
class RingAnswer:
    """What the ring has of an interval."""

    segments: tuple[Segment, ...]
    counts: CountArray
    missing: str
    """What it has not, in words; empty if nothing."""


class Ring:
    """A circular file of int16 samples with the time of each slot.

    Parameters
    ----------
    path : Path
        The file; made if missing, started anew if it was made for another rate or size.
    sample_rate_hz : float
        Samples per second [Hz].
    seconds : float
        How much to keep [s].
    """

    def __init__(self, path: Path, sample_rate_hz: float, seconds: float) -> None:
        if not seconds > 0:
            raise InvalidInput(f"ring buffer: got {seconds:g} s, expected more than 0")
        self._rate = sample_rate_hz
        self._slots = max(2, int(np.ceil(seconds * sample_rate_hz / SLOT_SAMPLES)) + 1)
        self._table_at = _HEADER.size
        self._samples_at = self._table_at + self._slots * _ENTRY.size
        size = self._samples_at + self._slots * SLOT_SAMPLES * 2
        header = _HEADER.pack(_MAGIC, sample_rate_hz, self._slots, SLOT_SAMPLES)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.stat().st_size != size or path.read_bytes()[: _HEADER.size] != header:
            with path.open("wb") as file:
                file.write(header)
                file.truncate(size)
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), size)
        entries = [self._entry(slot) for slot in range(self._slots)]
        self._entries: list[tuple[int, int, int] | None] = entries
        self._next = max((entry[0] for entry in entries if entry), default=0) + 1

    def close(self) -> None:
        """Write out and close the file."""
        self._map.flush()
        self._map.close()
        self._file.close()

    @property
    def oldest_unix_ns(self) -> int:
        """Time of the oldest sample kept; 0 if there is none."""
        return min((entry[1] for entry in self._entries if entry), default=0)

    @property
    def newest_unix_ns(self) -> int:
        """Time after the newest sample kept; 0 if there is none."""
        return max((self._end(entry) for entry in self._entries if entry), default=0)

    def append(self, start_unix_ns: int, counts: CountArray) -> None:
        """Keep samples; the oldest are overwritten. Samples that follow the newest slot fill it up first."""
        samples = np.ascontiguousarray(counts, "<i2")
        offset = 0
        while offset < len(samples):
            at = start_unix_ns + round(offset * NS / self._rate)
            held = self._entries[(self._next - 1) % self._slots]
            if held is None or held[2] == SLOT_SAMPLES or abs(at - self._end(held)) > 0.5 * NS / self._rate:
                held = (self._next, at, 0)
                self._next += 1
            piece = samples[offset : offset + SLOT_SAMPLES - held[2]]
            self._write(held, piece)
            offset += len(piece)

    def read(self, start_unix_ns: int, end_unix_ns: int) -> RingAnswer:
        """Return the samples whose time is in ``[start, end)``, oldest first, and say what is missing."""
        segments: list[Segment] = []
        pieces: list[CountArray] = []
        for number, start, count in sorted(entry for entry in self._entries if entry):
            low, high = (self._index(start, edge, count) for edge in (start_unix_ns, end_unix_ns))
            if low >= high:
                continue
            at = start + round(low * NS / self._rate)
            where = self._samples_at + (number % self._slots) * SLOT_SAMPLES * 2
            pieces.append(np.frombuffer(self._map[where + 2 * low : where + 2 * high], "<i2"))
            if segments and abs(at - self._segment_end(segments[-1])) <= NS / self._rate:
                segments[-1] = Segment(segments[-1].start_unix_ns, segments[-1].samples + high - low)
            else:
                segments.append(Segment(at, high - low))
        counts = np.concatenate(pieces) if pieces else np.empty(0, np.int16)
        words = missing_words(tuple(segments), start_unix_ns, end_unix_ns, self._rate)
        return RingAnswer(tuple(segments), counts, words)

    def _write(self, held: tuple[int, int, int], piece: CountArray) -> None:
        """Write samples behind those of a slot, then the slot's entry."""
        number, start, count = held
        slot = number % self._slots
        entry_at = self._table_at + slot * _ENTRY.size
        samples_at = self._samples_at + (slot * SLOT_SAMPLES + count) * 2
        if not count:
            self._map[entry_at : entry_at + _ENTRY.size] = bytes(_ENTRY.size)
        self._map[samples_at : samples_at + 2 * len(piece)] = piece.tobytes()
        body = _ENTRY_BODY.pack(number, start, count + len(piece))
        self._map[entry_at : entry_at + _ENTRY.size] = body + struct.pack("<I", zlib.crc32(body))
        self._entries[slot] = (number, start, count + len(piece))

    def _entry(self, slot: int) -> tuple[int, int, int] | None:
        at = self._table_at + slot * _ENTRY.size
        raw = self._map[at : at + _ENTRY.size]
        number, start, count, crc = _ENTRY.unpack(raw)
        whole = zlib.crc32(raw[: _ENTRY_BODY.size]) == crc and number % self._slots == slot and count <= SLOT_SAMPLES
        return (number, start, count) if number and whole else None

    def _index(self, slot_start: int, unix_ns: int, count: int) -> int:
        """Index of the first sample of a slot at or after a time; times are rounded to ns, hence the thousandth."""
        return min(count, max(0, int(np.ceil((unix_ns - slot_start) * self._rate / NS - 1e-3))))

    def _end(self, entry: tuple[int, int, int]) -> int:
        return entry[1] + round(entry[2] * NS / self._rate)

    def _segment_end(self, segment: Segment) -> int:
        return segment.start_unix_ns + round(segment.samples * NS / self._rate)


def missing_words(segments: tuple[Segment, ...], start: int, end: int, rate_hz: float) -> str:
    """Put the parts of ``[start, end)`` that segments do not cover in words, ignoring less than two samples."""
    holes: list[tuple[int, int]] = []
    at = start
    for segment in segments:
        holes.append((at, segment.start_unix_ns))
        at = segment.start_unix_ns + round(segment.samples * NS / rate_hz)
    holes.append((at, end))
    real = [(low, high) for low, high in holes if high - low > 2 * NS / rate_hz]
    return "; ".join(
        f"no samples from {(low - start) / NS:.3f} s to {(high - start) / NS:.3f} s of the interval"
        for low, high in real
    )
