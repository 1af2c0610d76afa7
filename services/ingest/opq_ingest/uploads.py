"""Uploads of waveforms: resumable, checked piece by piece and as a whole, written before they are announced."""

import asyncio
import zlib
from collections.abc import AsyncIterable, Callable
from concurrent.futures import Executor

import structlog

from opq.clock import NS, Clock
from opq.codec import decode, samples_crc32
from opq.errors import CorruptData, InvalidInput, LimitExceeded, NotFound, check_range
from opq.ids import AcquisitionId, BoxId
from opq.model.events import Acquisition
from opq.model.features import TimeSource
from opq.model.waveforms import Segment, WaveformInfo
from opq.rpc.frames import TIME_SOURCES
from opq.rpc.threads import call_in
from opq.store import Store
from opq.v1 import makai_pb2, waveform_pb2
from opq_ingest.limits import Flow

MAX_PIECE_BYTES = 256 * 1024
MAX_ENCODED_BYTES = 128 << 20
MAX_SEGMENTS = 10_000
MAX_SAMPLES = 43_200_000


class Uploads:
    """Takes uploads for acquisitions that Makai asked for."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        announce: Callable[[BoxId, makai_pb2.AcquisitionUpdate], None],
        clock: Clock,
        flow_of: Callable[[BoxId], Flow],
    ) -> None:
        self._store, self._executor, self._announce = store, executor, announce
        self._clock, self._flow_of = clock, flow_of
        self._log = structlog.get_logger()

    async def resume(self, request: waveform_pb2.ResumeWaveformRequest) -> waveform_pb2.ResumeWaveformResponse:
        """Say how much of an upload is stored.

        Raises
        ------
        NotFound
            If nobody asked this box for it.
        """
        acquisition, received = await call_in(self._executor, self._begun, request.acquisition_id, request.box_id)
        info = await call_in(self._executor, self._store.waveforms.info, acquisition.acquisition_id)
        if info is not None:
            update = makai_pb2.AcquisitionUpdate(acquisition_id=info.acquisition_id, stored_bytes=received)
            self._announce(acquisition.box_id, update)
        return waveform_pb2.ResumeWaveformResponse(received_bytes=received, committed=info is not None)

    async def take(
        self, chunks: AsyncIterable[waveform_pb2.WaveformChunk], check_box: Callable[[str], None]
    ) -> waveform_pb2.WaveformReceipt:
        """Store one upload; `check_box` raises if the peer may not speak for the box that the header names.

        Raises
        ------
        NotFound
            If nobody asked this box for it.
        CorruptData
            If a checksum does not match; of the whole waveform then nothing is kept, of a piece all before it.
        InvalidInput
            If the stream is not as documented.
        """
        header: waveform_pb2.WaveformHeader | None = None
        received = 0
        async for chunk in chunks:
            if header is None:
                if chunk.WhichOneof("kind") != "header":
                    raise InvalidInput("upload: got a piece first, expected the header")
                header = chunk.header
                check_box(header.box_id)
                _check_header(header)
                acquisition, received = await call_in(self._executor, self._begun, header.acquisition_id, header.box_id)
                flow = self._flow_of(acquisition.box_id)
            else:
                now_s = self._clock.monotonic_ns() / NS
                if wait_s := flow.take(1, len(chunk.piece.data), now_s):
                    await asyncio.sleep(wait_s)
                received = await self._piece(acquisition.acquisition_id, chunk.piece, received, header.encoded_bytes)
        if header is None:
            raise InvalidInput("upload: got an empty stream, expected a header and pieces")
        if received < header.encoded_bytes:
            raise InvalidInput(
                f"upload: the stream ended after {received} of {header.encoded_bytes} bytes; resume at {received}"
            )
        await call_in(self._executor, self._finish, acquisition, header)
        update = makai_pb2.AcquisitionUpdate(acquisition_id=acquisition.acquisition_id, stored_bytes=received)
        self._announce(acquisition.box_id, update)
        self._log.info("waveform stored", box_id=header.box_id, acquisition_id=header.acquisition_id, bytes=received)
        return waveform_pb2.WaveformReceipt(acquisition_id=acquisition.acquisition_id, stored_bytes=received)

    def _begun(self, acquisition_id: str, box_id: str) -> tuple[Acquisition, int]:
        """Return what was asked of the box, and how many bytes of the answer are stored."""
        found = self._store.acquisitions.get(AcquisitionId(acquisition_id))
        if found is None or found.box_id != box_id:
            raise NotFound(f"acquisition_id: got {acquisition_id[:64]!r}, which nobody asked of box {box_id[:64]!r}")
        return found, self._store.waveforms.received(found.acquisition_id)

    async def _piece(
        self, acquisition_id: AcquisitionId, piece: waveform_pb2.WaveformPiece, received: int, total: int
    ) -> int:
        if not 1 <= len(piece.data) <= MAX_PIECE_BYTES:
            raise LimitExceeded(f"piece: got {len(piece.data)} bytes, expected 1 to {MAX_PIECE_BYTES}")
        if piece.offset + len(piece.data) > total:
            raise LimitExceeded(f"piece: ends at byte {piece.offset + len(piece.data)}, the header announced {total}")
        if piece.offset > received:
            raise InvalidInput(f"piece: got offset {piece.offset}, expected {received}")
        crc = zlib.crc32(piece.data)
        if crc != piece.crc32:
            raise CorruptData(
                f"piece at {piece.offset}: CRC-32 of the data is {crc:08x}, the piece says {piece.crc32:08x}"
            )
        return await call_in(self._executor, self._store.waveforms.append, acquisition_id, piece.offset, piece.data)

    def _finish(self, acquisition: Acquisition, header: waveform_pb2.WaveformHeader) -> None:
        """Check the whole and make it visible."""
        waveforms, acquisition_id = self._store.waveforms, acquisition.acquisition_id
        if waveforms.info(acquisition_id) is not None:
            return
        info = WaveformInfo(
            acquisition_id=acquisition_id,
            event_id=acquisition.event_id,
            box_id=BoxId(header.box_id),
            sample_rate_hz=header.sample_rate_hz,
            volts_per_count=header.volts_per_count,
            segments=tuple(Segment(part.start_unix_ns, part.samples) for part in header.segments),
            crc32=header.samples_crc32,
            encoded_bytes=header.encoded_bytes,
            time_source=TIME_SOURCES.get(header.time_source, TimeSource.FREE),
            clock_uncertainty_ns=header.clock_uncertainty_ns,
            missing=header.missing[:500],
        )
        try:
            _check_samples(waveforms.uncommitted(acquisition_id), info)
        except CorruptData:
            waveforms.discard(acquisition_id)
            raise
        waveforms.commit(info)


def _check_header(header: waveform_pb2.WaveformHeader) -> None:
    check_range("sample_rate_hz", header.sample_rate_hz, 100, 200_000, "Hz")
    check_range("volts_per_count", header.volts_per_count, 1e-9, 1e3, "V")
    check_range("segments", len(header.segments), 1, MAX_SEGMENTS)
    check_range("samples", sum(part.samples for part in header.segments), 1, MAX_SAMPLES)
    check_range("encoded_bytes", header.encoded_bytes, 1, MAX_ENCODED_BYTES, "bytes")


def _check_samples(data: bytes, info: WaveformInfo) -> None:
    counts = decode(data)
    if len(counts) != info.samples:
        raise CorruptData(f"waveform: {len(counts)} samples came, the header announced {info.samples}")
    crc = samples_crc32(counts)
    if crc != info.crc32:
        raise CorruptData(f"waveform: CRC-32 of the samples is {crc:08x}, the header says {info.crc32:08x}")
