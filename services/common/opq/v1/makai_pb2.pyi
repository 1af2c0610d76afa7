from opq.v1 import features_pb2 as _features_pb2
from opq.v1 import problem_pb2 as _problem_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeedUp(_message.Message):
    __slots__ = ("hello", "frames", "presence", "acquisition")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    ACQUISITION_FIELD_NUMBER: _ClassVar[int]
    hello: FeedHello
    frames: FrameBatch
    presence: BoxPresence
    acquisition: AcquisitionUpdate
    def __init__(self, hello: _Optional[_Union[FeedHello, _Mapping]] = ..., frames: _Optional[_Union[FrameBatch, _Mapping]] = ..., presence: _Optional[_Union[BoxPresence, _Mapping]] = ..., acquisition: _Optional[_Union[AcquisitionUpdate, _Mapping]] = ...) -> None: ...

class FeedDown(_message.Message):
    __slots__ = ("request", "cancel")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    request: AcquisitionRequest
    cancel: AcquisitionCancel
    def __init__(self, request: _Optional[_Union[AcquisitionRequest, _Mapping]] = ..., cancel: _Optional[_Union[AcquisitionCancel, _Mapping]] = ...) -> None: ...

class FeedHello(_message.Message):
    __slots__ = ("ingest_id", "missed_from_unix_ns", "box_ids")
    INGEST_ID_FIELD_NUMBER: _ClassVar[int]
    MISSED_FROM_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    BOX_IDS_FIELD_NUMBER: _ClassVar[int]
    ingest_id: str
    missed_from_unix_ns: int
    box_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ingest_id: _Optional[str] = ..., missed_from_unix_ns: _Optional[int] = ..., box_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class FrameBatch(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[BoxFrame]
    def __init__(self, frames: _Optional[_Iterable[_Union[BoxFrame, _Mapping]]] = ...) -> None: ...

class BoxFrame(_message.Message):
    __slots__ = ("box_id", "frame")
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    frame: _features_pb2.FeatureFrame
    def __init__(self, box_id: _Optional[str] = ..., frame: _Optional[_Union[_features_pb2.FeatureFrame, _Mapping]] = ...) -> None: ...

class BoxPresence(_message.Message):
    __slots__ = ("box_id", "connected")
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    connected: bool
    def __init__(self, box_id: _Optional[str] = ..., connected: bool = ...) -> None: ...

class AcquisitionRequest(_message.Message):
    __slots__ = ("box_id", "acquisition_id", "start_unix_ns", "end_unix_ns")
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    START_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    END_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    acquisition_id: str
    start_unix_ns: int
    end_unix_ns: int
    def __init__(self, box_id: _Optional[str] = ..., acquisition_id: _Optional[str] = ..., start_unix_ns: _Optional[int] = ..., end_unix_ns: _Optional[int] = ...) -> None: ...

class AcquisitionCancel(_message.Message):
    __slots__ = ("box_id", "acquisition_id")
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    acquisition_id: str
    def __init__(self, box_id: _Optional[str] = ..., acquisition_id: _Optional[str] = ...) -> None: ...

class AcquisitionUpdate(_message.Message):
    __slots__ = ("acquisition_id", "stored_bytes", "problem")
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    acquisition_id: str
    stored_bytes: int
    problem: _problem_pb2.Problem
    def __init__(self, acquisition_id: _Optional[str] = ..., stored_bytes: _Optional[int] = ..., problem: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ...) -> None: ...
