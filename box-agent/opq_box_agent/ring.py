"""The last hour of raw samples on disk; survives a restart of the agent and a power cut.

The file is a header, a table of slots and the samples::

    header   magic, sample rate, slots, samples per slot
    table    per slot two entries: number (u64, 0 = empty), start time (i64 ns), samples (u32), CRC-32 of the samples (u32),
             CRC-32 of the entry (u32)
    samples  slots x samples per slot x int16

A block of samples is cut into slots; slot number n lies at n modulo the number of slots. A slot that grows writes its two
entries in turn, so that a torn entry leaves the one before. An entry counts only with its own checksum and that of the
samples it speaks of: it does not matter which of both reached the disk first, or whether one never did.

The file is written and read, not mapped: the space is reserved when it is made, a disk that fails is an error that can be
survived and not a signal, and an hour of samples is no memory of the agent.
"""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from opq.clock import NS
from opq.errors import InvalidInput
from opq.model.waveforms import CountArray, Segment
from opq_box_agent.durable import write_at

_HEADER = struct.Struct("<8sdII")
_ENTRY = struct.Struct("<QqIII4x")
_ENTRY_BODY = struct.Struct("<QqII")
_MAGIC = b"OPQRING2"
_TABLE_AT = 4096
SLOT_SAMPLES = 2400
_UNSURE_SLOTS = 1500
"""So many of the newest slots are checked when the file is opened, the others when they are read: five minutes, five times
what is written and not yet known to be on the disk."""


@dataclass(frozen=True, slots=True, eq=False)
class RingAnswer:
    """What the ring has of an interval."""

    segments: tuple[Segment, ...]
    counts: CountArray
    missing: str
    """What it has not, in words; empty if nothing."""


@dataclass(frozen=True, slots=True)
class RingState:
    """What a ring buffer on disk holds."""

    slots: int
    held: int
    """Slots with samples that check out."""
    torn: int
    """Slots that do not."""


class _Entry(NamedTuple):
    """What a slot holds."""

    number: int
    start_unix_ns: int
    samples: int
    crc: int
    cell: int
    """Which of the slot's two entries says so."""


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
        self.path = path
        self.problem = ""
        """Why the disk does not take samples now; empty if it does."""
        self._rate = sample_rate_hz
        slots = max(2, int(np.ceil(seconds * sample_rate_hz / SLOT_SAMPLES)) + 1)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InvalidInput(f"ring buffer: cannot use {path}: {error.strerror}") from error
        self._layout = _Layout(slots)
        header = _HEADER.pack(_MAGIC, sample_rate_hz, slots, SLOT_SAMPLES)
        if os.fstat(self._fd).st_size != self._layout.size or os.pread(self._fd, _HEADER.size, 0) != header:
            self._begin_anew(header)
        self._entries = self._read_table()
        self._next = max((entry.number for entry in self._entries if entry), default=0) + 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    @property
    def oldest_unix_ns(self) -> int:
        """Time of the oldest sample kept; 0 if there is none."""
        return min((entry.start_unix_ns for entry in self._entries if entry), default=0)

    @property
    def newest_unix_ns(self) -> int:
        """Time after the last sample kept; 0 if there is none."""
        last = self._entries[(self._next - 1) % self._layout.slots]
        last = last or max((entry for entry in self._entries if entry), default=None)
        return self._end(last) if last else 0

    def append(self, start_unix_ns: int, counts: CountArray) -> None:
        """Keep samples; the oldest are overwritten. Samples that follow the newest slot fill it up first.

        What the disk does not take is missing; `problem` says why.
        """
        samples = np.ascontiguousarray(counts, "<i2")
        offset = 0
        while offset < len(samples):
            at = start_unix_ns + round(offset * NS / self._rate)
            held = self._entries[(self._next - 1) % self._layout.slots]
            if held is None or held.samples == SLOT_SAMPLES or abs(at - self._end(held)) > 0.5 * NS / self._rate:
                before = self._entries[self._next % self._layout.slots]
                held = _Entry(self._next, at, 0, 0, before.cell if before else 1)
                self._next += 1
            piece = samples[offset : offset + SLOT_SAMPLES - held.samples]
            try:
                self._write(held, piece.tobytes())
                self.problem = ""
            except OSError as error:
                self.problem = error.strerror or str(error)
            offset += len(piece)

    def read(self, start_unix_ns: int, end_unix_ns: int) -> RingAnswer:
        """Return the samples whose time is in ``[start, end)``, oldest first, and say what is missing.

        Where the clock was set back, what was measured at times that came again counts as missing: the later has them.
        """
        parts: list[tuple[Segment, CountArray]] = []
        end = end_unix_ns
        for entry in sorted((entry for entry in self._entries if entry), reverse=True):
            low, high = (self._index(entry, edge) for edge in (start_unix_ns, end))
            end = min(end, entry.start_unix_ns)
            if low < high and (counts := self._samples(entry)) is not None:
                at = entry.start_unix_ns + round(low * NS / self._rate)
                parts.append((Segment(at, high - low), counts[low:high]))
        segments: list[Segment] = []
        for segment, _ in reversed(parts):
            if segments and abs(segment.start_unix_ns - self._segment_end(segments[-1])) <= NS / self._rate:
                before = segments.pop()
                segment = Segment(before.start_unix_ns, before.samples + segment.samples)
            segments.append(segment)
        counts = np.concatenate([counts for _, counts in reversed(parts)]) if parts else np.empty(0, np.int16)
        words = missing_words(tuple(segments), start_unix_ns, end_unix_ns, self._rate)
        return RingAnswer(tuple(segments), counts, words)

    def _begin_anew(self, header: bytes) -> None:
        """Make the file, with its space reserved if the disk has it."""
        try:
            os.ftruncate(self._fd, 0)
            os.ftruncate(self._fd, self._layout.size)
            os.pwrite(self._fd, header, 0)
            os.posix_fallocate(self._fd, 0, self._layout.size)
        except OSError as error:
            self.problem = error.strerror or str(error)

    def _write(self, held: _Entry, piece: bytes) -> None:
        """Write samples behind those of a slot, then the slot's entry."""
        slot = held.number % self._layout.slots
        if not held.samples:
            self._entries[slot] = None
        write_at(self._fd, piece, self._layout.samples_at(slot) + 2 * held.samples)
        entry = _Entry(
            held.number,
            held.start_unix_ns,
            held.samples + len(piece) // 2,
            zlib.crc32(piece, held.crc),
            1 - held.cell,
        )
        body = _ENTRY_BODY.pack(*entry[:4])
        raw = body + struct.pack("<I4x", zlib.crc32(body))
        write_at(self._fd, raw, self._layout.entry_at(slot, entry.cell))
        self._entries[slot] = entry

    def _read_table(self) -> list[_Entry | None]:
        """Read what the slots hold, and check the samples of those that a power cut can have torn."""
        try:
            table = os.pread(self._fd, self._layout.samples_at(0) - _TABLE_AT, _TABLE_AT)
        except OSError as error:
            self.problem = error.strerror or str(error)
            return [None] * self._layout.slots
        both = [self._layout.entries(table, slot) for slot in range(self._layout.slots)]
        newest = max((entry.number for found in both for entry in found), default=0)
        unsure = newest - _UNSURE_SLOTS
        return [
            next((entry for entry in found if entry.number < unsure or self._samples(entry) is not None), None)
            for found in both
        ]

    def _samples(self, entry: _Entry) -> CountArray | None:
        """Read the samples of a slot; None if they do not check out."""
        try:
            raw = os.pread(self._fd, 2 * entry.samples, self._layout.samples_at(entry.number % self._layout.slots))
        except OSError as error:
            self.problem = error.strerror or str(error)
            return None
        return np.frombuffer(raw, "<i2") if zlib.crc32(raw) == entry.crc and len(raw) == 2 * entry.samples else None

    def _index(self, entry: _Entry, unix_ns: int) -> int:
        """Index of the first sample of a slot at or after a time; times are rounded to ns, hence the thousandth."""
        index = int(np.ceil((unix_ns - entry.start_unix_ns) * self._rate / NS - 1e-3))
        return min(entry.samples, max(0, index))

    def _end(self, entry: _Entry) -> int:
        return entry.start_unix_ns + round(entry.samples * NS / self._rate)

    def _segment_end(self, segment: Segment) -> int:
        return segment.start_unix_ns + round(segment.samples * NS / self._rate)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things lie in the file."""

    slots: int

    @property
    def size(self) -> int:
        return self.samples_at(self.slots)

    def entry_at(self, slot: int, cell: int) -> int:
        return _TABLE_AT + (2 * slot + cell) * _ENTRY.size

    def samples_at(self, slot: int) -> int:
        table_end = self.entry_at(self.slots, 0)
        return -(-table_end // _TABLE_AT) * _TABLE_AT + slot * SLOT_SAMPLES * 2

    def entries(self, table: bytes, slot: int) -> list[_Entry]:
        """Return the entries of a slot that check out, the latest first."""
        found = []
        for cell in (0, 1):
            at = self.entry_at(slot, cell) - _TABLE_AT
            number, start, samples, crc, own = _ENTRY.unpack(table[at : at + _ENTRY.size].ljust(_ENTRY.size, b"\0"))
            whole = zlib.crc32(table[at : at + _ENTRY_BODY.size]) == own
            if number and whole and number % self.slots == slot and samples <= SLOT_SAMPLES:
                found.append(_Entry(number, start, samples, crc, cell))
        return sorted(found, key=lambda entry: (entry.number, entry.samples), reverse=True)


def inspect_ring(path: Path) -> RingState:
    """Check every slot of a ring buffer without changing it, also while an agent uses it.

    Raises
    ------
    OSError
        If it does not read.
    InvalidInput
        If it is no ring buffer, or its head is damaged.
    """
    with path.open("rb", buffering=0) as file:
        head = file.read(_HEADER.size)
        if len(head) != _HEADER.size or not head.startswith(_MAGIC):
            raise InvalidInput(f"{path}: this is no ring buffer")
        layout = _Layout(_HEADER.unpack(head)[2])
        if os.fstat(file.fileno()).st_size != layout.size:
            raise InvalidInput(f"{path}: its head says {layout.slots} slots, which its length is not that of")
        table = os.pread(file.fileno(), layout.samples_at(0) - _TABLE_AT, _TABLE_AT)
        held = torn = 0
        for slot in range(layout.slots):
            found = layout.entries(table, slot)
            whole = False
            for entry in found:
                raw = os.pread(file.fileno(), 2 * entry.samples, layout.samples_at(slot))
                whole = whole or zlib.crc32(raw) == entry.crc
            held += whole
            torn += bool(found) and not whole
    return RingState(layout.slots, held, torn)


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
