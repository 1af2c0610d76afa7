from opq.v1 import features_pb2 as _features_pb2
from opq.v1 import problem_pb2 as _problem_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TriggerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIGGER_KIND_UNSPECIFIED: _ClassVar[TriggerKind]
    TRIGGER_KIND_HARD: _ClassVar[TriggerKind]
    TRIGGER_KIND_SOFT: _ClassVar[TriggerKind]
TRIGGER_KIND_UNSPECIFIED: TriggerKind
TRIGGER_KIND_HARD: TriggerKind
TRIGGER_KIND_SOFT: TriggerKind

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

class TriggerRequest(_message.Message):
    __slots__ = ("box_ids", "start_unix_ns", "end_unix_ns", "reason")
    BOX_IDS_FIELD_NUMBER: _ClassVar[int]
    START_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    END_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    box_ids: _containers.RepeatedScalarFieldContainer[str]
    start_unix_ns: int
    end_unix_ns: int
    reason: str
    def __init__(self, box_ids: _Optional[_Iterable[str]] = ..., start_unix_ns: _Optional[int] = ..., end_unix_ns: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class TriggerResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[OpenedEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[OpenedEvent, _Mapping]]] = ...) -> None: ...

class OpenedEvent(_message.Message):
    __slots__ = ("grid_id", "event_id", "box_ids")
    GRID_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    BOX_IDS_FIELD_NUMBER: _ClassVar[int]
    grid_id: str
    event_id: str
    box_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, grid_id: _Optional[str] = ..., event_id: _Optional[str] = ..., box_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CancelEventRequest(_message.Message):
    __slots__ = ("event_id", "cancelled_by")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_BY_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    cancelled_by: str
    def __init__(self, event_id: _Optional[str] = ..., cancelled_by: _Optional[str] = ...) -> None: ...

class CancelEventResponse(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: int
    def __init__(self, cancelled: _Optional[int] = ...) -> None: ...

class WatchTriggersRequest(_message.Message):
    __slots__ = ("grid_id", "box_id", "kind")
    GRID_ID_FIELD_NUMBER: _ClassVar[int]
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    grid_id: str
    box_id: str
    kind: TriggerKind
    def __init__(self, grid_id: _Optional[str] = ..., box_id: _Optional[str] = ..., kind: _Optional[_Union[TriggerKind, str]] = ...) -> None: ...

class TriggerSeen(_message.Message):
    __slots__ = ("grid_id", "box_id", "start_unix_ns", "end_unix_ns", "kind", "metric", "value", "limit", "detector", "lost")
    GRID_ID_FIELD_NUMBER: _ClassVar[int]
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    START_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    END_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    DETECTOR_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    grid_id: str
    box_id: str
    start_unix_ns: int
    end_unix_ns: int
    kind: TriggerKind
    metric: str
    value: float
    limit: float
    detector: str
    lost: int
    def __init__(self, grid_id: _Optional[str] = ..., box_id: _Optional[str] = ..., start_unix_ns: _Optional[int] = ..., end_unix_ns: _Optional[int] = ..., kind: _Optional[_Union[TriggerKind, str]] = ..., metric: _Optional[str] = ..., value: _Optional[float] = ..., limit: _Optional[float] = ..., detector: _Optional[str] = ..., lost: _Optional[int] = ...) -> None: ...

class GetBoxStateRequest(_message.Message):
    __slots__ = ("box_id",)
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    def __init__(self, box_id: _Optional[str] = ...) -> None: ...

class GetBoxStateResponse(_message.Message):
    __slots__ = ("box_id", "grid_id", "makai_id", "limits", "window_cycles", "clock_lag_ns", "budget_used_pct", "scores", "detail_json", "budget_pct", "clock_believed", "neighbours")
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    GRID_ID_FIELD_NUMBER: _ClassVar[int]
    MAKAI_ID_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_CYCLES_FIELD_NUMBER: _ClassVar[int]
    CLOCK_LAG_NS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_USED_PCT_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    DETAIL_JSON_FIELD_NUMBER: _ClassVar[int]
    BUDGET_PCT_FIELD_NUMBER: _ClassVar[int]
    CLOCK_BELIEVED_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    grid_id: str
    makai_id: str
    limits: BoxLimits
    window_cycles: int
    clock_lag_ns: int
    budget_used_pct: float
    scores: _containers.RepeatedCompositeFieldContainer[MetricScore]
    detail_json: str
    budget_pct: float
    clock_believed: bool
    neighbours: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, box_id: _Optional[str] = ..., grid_id: _Optional[str] = ..., makai_id: _Optional[str] = ..., limits: _Optional[_Union[BoxLimits, _Mapping]] = ..., window_cycles: _Optional[int] = ..., clock_lag_ns: _Optional[int] = ..., budget_used_pct: _Optional[float] = ..., scores: _Optional[_Iterable[_Union[MetricScore, _Mapping]]] = ..., detail_json: _Optional[str] = ..., budget_pct: _Optional[float] = ..., clock_believed: bool = ..., neighbours: _Optional[_Iterable[str]] = ...) -> None: ...

class BoxLimits(_message.Message):
    __slots__ = ("u_low_pu", "u_high_pu", "f_deviation_hz", "thd_pct", "transient_pu")
    U_LOW_PU_FIELD_NUMBER: _ClassVar[int]
    U_HIGH_PU_FIELD_NUMBER: _ClassVar[int]
    F_DEVIATION_HZ_FIELD_NUMBER: _ClassVar[int]
    THD_PCT_FIELD_NUMBER: _ClassVar[int]
    TRANSIENT_PU_FIELD_NUMBER: _ClassVar[int]
    u_low_pu: float
    u_high_pu: float
    f_deviation_hz: float
    thd_pct: float
    transient_pu: float
    def __init__(self, u_low_pu: _Optional[float] = ..., u_high_pu: _Optional[float] = ..., f_deviation_hz: _Optional[float] = ..., thd_pct: _Optional[float] = ..., transient_pu: _Optional[float] = ...) -> None: ...

class MetricScore(_message.Message):
    __slots__ = ("detector", "metric", "score", "mean", "spread")
    DETECTOR_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    detector: str
    metric: str
    score: float
    mean: float
    spread: float
    def __init__(self, detector: _Optional[str] = ..., metric: _Optional[str] = ..., score: _Optional[float] = ..., mean: _Optional[float] = ..., spread: _Optional[float] = ...) -> None: ...
