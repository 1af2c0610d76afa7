"""Whatever reads bytes from elsewhere: each target makes samples that are right, and takes bytes that may not be.

A target returns, or raises an error of ours. Everything else is a finding.
"""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import message

from opq.codec import decode, encode
from opq.errors import InvalidInput, Malformed, OpqError
from opq.ids import BoxId
from opq.model.box_list import load_boxes
from opq.model.boxes import Nominal
from opq.model.features import TimeSource
from opq.rpc.frame_batches import decode_frames
from opq.rpc.frames import decode_frame, encode_frame
from opq.rpc.twins import BoxUpTwin, FeedUpTwin
from opq.sim.grid.plan import load_plan
from opq.sim.scenario import demo_scenario, load_scenario, save_scenario
from opq.testing.frames import good_frame
from opq.testing.peer import Upload
from opq.times import parse_moment, parse_seconds
from opq.trust.authority import make_authority
from opq.trust.certificates import dump_chain, load_chain, make_request, new_key, request_key
from opq.trust.tokens import new_token, parse_token
from opq.updates.package import sign_update, unpack_update
from opq.v1 import box_pb2, enrolment_pb2, makai_pb2, mauka_pb2, waveform_pb2
from opq_box_agent.ring import Ring, inspect_ring
from opq_box_agent.spool import Spool, inspect_spool
from opq_cli.recordings.options import read_envelope

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "formats"))
from samples_of_formats import FILES, read_all, write_sample

T0 = 1_790_000_000_000_000_000
BOX = BoxId("kitchen")
OURS = (OpqError,)


@dataclass(frozen=True)
class Target:
    """Something that reads bytes.

    Parameters
    ----------
    samples : callable
        Makes bytes that are right.
    take : callable
        Takes bytes; gets a folder of its own for files.
    """

    samples: Callable[[], Sequence[bytes]]
    take: Callable[[bytes, Path], None]


def _frames() -> list[bytes]:
    return [encode_frame(good_frame(BOX, number, T0 + number, windows), TimeSource.NTP)
            for number, windows in ((1, 5), (2, 1), (3, 60))]  # fmt: skip


def _connect_message(data: bytes, _: Path) -> None:
    try:
        up = BoxUpTwin.FromString(data)
        if up.frame:
            decode_frame(BOX, up.frame)
        else:
            box_pb2.BoxUp.FromString(data)
    except message.DecodeError as error:
        raise Malformed("message") from error


def _connect_samples() -> list[bytes]:
    hello = box_pb2.Hello(box_id=BOX, boot_id="b", codecs=[1, 2], agent_version="1.2.3")
    return [
        *(BoxUpTwin(frame=frame).SerializeToString() for frame in _frames()),
        box_pb2.BoxUp(hello=hello).SerializeToString(),
        box_pb2.BoxUp(health=box_pb2.Health(battery_pct=50, spooled_frames=7)).SerializeToString(),
        box_pb2.BoxUp(command_result=box_pb2.CommandResult(command_id="c")).SerializeToString(),
    ]


def _batch_samples() -> list[bytes]:
    batch = makai_pb2.FrameBatch()
    for number, windows in ((1, 5), (2, 1), (3, 60), (4, 5)):
        frame = batch.frames.add()
        frame.box_id = f"box-{number}"
        frame.frame.ParseFromString(encode_frame(good_frame(BOX, number, T0 + number, windows), TimeSource.GPS))
    return [batch.SerializeToString(), b""]


def _batch(data: bytes, _: Path) -> None:
    frames, wrong = decode_frames(data)
    if frames is not None and not np.isfinite(frames.windows.values).all():
        raise AssertionError("a frame with values that are none was taken")
    assert all(isinstance(error, InvalidInput) for _, error in wrong)


def _message(cls: type[message.Message], *samples: message.Message) -> Target:
    """A message that is read as it is; its text must do for a log."""

    def take(data: bytes, _: Path) -> None:
        try:
            str(cls.FromString(data))
        except message.DecodeError as error:
            raise Malformed("message") from error

    return Target(lambda: [sample.SerializeToString() for sample in samples], take)


def _upload_samples() -> list[bytes]:
    return [
        encode(Upload().counts[:5000]),
        encode(np.zeros(0, np.int16)),
        encode(np.arange(-3000, 3000, dtype=np.int16)),
    ]


def _codec(data: bytes, _: Path) -> None:
    assert decode(data).dtype == np.int16


def _recording(kind: str) -> Target:
    def samples() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            write_sample(Path(folder), kind)
            return [_packed({path.name: path.read_bytes() for path in Path(folder).iterdir()})]

    def take(data: bytes, folder: Path) -> None:
        files = _unpacked(data, sorted_names(kind))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_all(folder / FILES[kind][0])

    return Target(samples, take)


_SEPARATOR = b"\n=====8<=====\n"


def sorted_names(kind: str) -> list[str]:
    """The files of a recording of some kind."""
    with tempfile.TemporaryDirectory() as folder:
        write_sample(Path(folder), kind)
        return sorted(path.name for path in Path(folder).iterdir())


def _packed(files: dict[str, bytes]) -> bytes:
    return _SEPARATOR.join(files[name] for name in sorted(files))


def _unpacked(data: bytes, names: Sequence[str]) -> dict[str, bytes]:
    return dict(zip(names, data.split(_SEPARATOR), strict=False))


def _spool_samples() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        spool = Spool(Path(name), 1 << 20)
        for sequence, frame in enumerate(_frames(), 1):
            spool.append(sequence, frame)
        return [next(Path(name).glob("*.spool")).read_bytes()]


def _spool(data: bytes, folder: Path) -> None:
    (folder / "00000001.spool").write_bytes(data)
    inspect_spool(folder)
    spool = Spool(folder, 1 << 20)
    for sequence in spool.sequences:
        spool.get(sequence)
    spool.append(spool.next_sequence(), b"one more")


def _ring_samples() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        ring = Ring(Path(name) / "ring", 1000, 3)
        for second in range(4):
            ring.append(T0 + second * 10**9, np.arange(1000, dtype=np.int16))
        ring.close()
        return [(Path(name) / "ring").read_bytes()]


def _ring(data: bytes, folder: Path) -> None:
    path = folder / "ring"
    path.write_bytes(data)
    inspect_ring(path)
    ring = Ring(path, 1000, 3)
    ring.read(T0, T0 + 10**10)
    ring.append(T0 + 5 * 10**9, np.arange(1000, dtype=np.int16))
    ring.close()


_UPDATE_KEY = Ed25519PrivateKey.generate()


def _update_samples() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        payload = Path(name) / "payload"
        (payload / "opq_box_agent").mkdir(parents=True)
        (payload / "opq_box_agent" / "__init__.py").write_text("print(1)\n")
        sign_update(payload, "1.2.3", "1.0.0", _UPDATE_KEY, Path(name) / "update.opq")
        return [(Path(name) / "update.opq").read_bytes()]


def _update(data: bytes, folder: Path) -> None:
    path = folder / "update.opq"
    path.write_bytes(data)
    unpack_update(path, _UPDATE_KEY.public_key(), folder / "slot")
    unpacked = [path for path in (folder / "slot").rglob("*") if path.is_file()]
    assert [path.read_text() for path in unpacked] == ["print(1)\n"], "an update that was tampered with was taken"


def _text(*parsers: Callable[[str], object], samples: Sequence[str]) -> Target:
    def take(data: bytes, _: Path) -> None:
        text = data.decode("utf-8", "surrogateescape")
        wrong = []
        for parse in parsers:
            try:
                parse(text)
            except OURS as error:
                wrong.append(error)
        for error in wrong:
            str(error)

    return Target(lambda: [sample.encode() for sample in samples], take)


def _file(read: Callable[[Path], object], name: str, samples: Callable[[], Sequence[bytes]]) -> Target:
    def take(data: bytes, folder: Path) -> None:
        (folder / name).write_bytes(data)
        read(folder / name)

    return Target(samples, take)


def _scenario_samples() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        save_scenario(demo_scenario(4, T0, Nominal(230, 50)), Path(name) / "s.json")
        return [(Path(name) / "s.json").read_bytes()]


def _plan_samples() -> list[bytes]:
    import opq.sim.grid

    return [path.read_bytes() for path in Path(opq.sim.grid.__file__).parent.rglob("*.yaml")]


def _boxes_samples() -> list[bytes]:
    return [json.dumps([{"box_id": "a", "grid_id": "g", "nominal": {"u_din_v": 230, "f_hz": 50}}]).encode()]


_ENVELOPE = b'{"name": "press", "lower": [[0.02, 0.0], [0.5, 0.7], [null, 0.9]], "upper": [[null, 1.1]]}'

TARGETS: dict[str, Target] = {
    "connect": Target(_connect_samples, _connect_message),
    "frame-batch": Target(_batch_samples, _batch),
    "feed": _message(FeedUpTwin, FeedUpTwin()),
    "down": _message(box_pb2.BoxDown, box_pb2.BoxDown(ack=box_pb2.Ack(first=[1], last=[9])),
                     box_pb2.BoxDown(welcome=box_pb2.Welcome(session_id="s", max_unacknowledged=9))),
    "chunk": _message(waveform_pb2.WaveformChunk, waveform_pb2.WaveformChunk(header=Upload().header)),
    "enrol": _message(enrolment_pb2.EnrolRequest, enrolment_pb2.EnrolRequest(token="t", request_pem="p")),
    "work": _message(mauka_pb2.WorkUp, mauka_pb2.WorkUp()),
    "waveform": Target(_upload_samples, _codec),
    "spool": Target(_spool_samples, _spool),
    "ring": Target(_ring_samples, _ring),
    "update": Target(_update_samples, _update),
    "request": Target(lambda: [make_request(new_key())], lambda data, _: request_key(data) and None),
    "certificate": Target(lambda: [dump_chain([make_authority(T0).root])], lambda data, _: load_chain(data, "x") and None),
    "token": _text(parse_token, samples=[new_token(BOX, "ab" * 32).text]),
    "times": _text(lambda text: parse_seconds("--x", text), lambda text: parse_moment("--x", text, T0),
                   samples=["10m", "1.5h", "now", "-2h", "+60s", "2026-11-24T18:00:00Z"]),
    "scenario": _file(load_scenario, "s.json", _scenario_samples),
    "plan": _file(load_plan, "p.yaml", _plan_samples),
    "box-list": _file(load_boxes, "b.json", _boxes_samples),
    "envelope": _file(read_envelope, "e.json", lambda: [_ENVELOPE]),
    **{kind: _recording(kind) for kind in FILES},
}  # fmt: skip
