"""An ingest on a real socket, with a real store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from opq.clock import SystemClock
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.rpc.channels import MAX_BOX_MESSAGE_BYTES, Server
from opq.rpc.frame_batches import decode_frames
from opq.store import Store, open_store
from opq_ingest.server import Ingest
from opq_ingest.settings import IngestSettings
from opq_makai.detectors.habit import HabitDetector


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Compile Makai's loops once, before any test waits for a Makai: what was compiled is kept on disk."""
    decode_frames(b"")
    HabitDetector()


@dataclass
class RunningIngest:
    """An ingest under test."""

    address: str
    store: Store
    ingest: Ingest


@pytest.fixture
def ingest_settings() -> IngestSettings:
    """Of the running ingest; a module that needs others has a fixture of the same name."""
    return IngestSettings(makai="127.0.0.1:1", ack_period_s=0.1, max_unacknowledged=50)


@pytest.fixture
async def running(tmp_path: Path, ingest_settings: IngestSettings) -> AsyncIterator[RunningIngest]:
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    for number in (1, 2):
        store.boxes.put(Box(BoxId(f"b-{number}"), GridId("g"), Nominal(120, 60)))
    ingest = Ingest(ingest_settings, store, SystemClock())
    server = Server(MAX_BOX_MESSAGE_BYTES)
    server.grpc.add_generic_rpc_handlers((ingest.handlers(),))
    address = await server.start("127.0.0.1:0", ["opq.v1.BoxService"])
    stop = asyncio.Event()
    task = asyncio.create_task(ingest.run(stop))
    yield RunningIngest(address, store, ingest)
    stop.set()
    await task
    await server.stop(0.2)
    store.close()
