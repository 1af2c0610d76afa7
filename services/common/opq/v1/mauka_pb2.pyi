from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkUp(_message.Message):
    __slots__ = ("hello", "done", "failed", "alive")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    hello: WorkerHello
    done: TaskDone
    failed: TaskFailed
    alive: TaskAlive
    def __init__(self, hello: _Optional[_Union[WorkerHello, _Mapping]] = ..., done: _Optional[_Union[TaskDone, _Mapping]] = ..., failed: _Optional[_Union[TaskFailed, _Mapping]] = ..., alive: _Optional[_Union[TaskAlive, _Mapping]] = ...) -> None: ...

class WorkDown(_message.Message):
    __slots__ = ("start", "waveform", "ready")
    START_FIELD_NUMBER: _ClassVar[int]
    WAVEFORM_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    start: TaskStart
    waveform: TaskWaveform
    ready: TaskReady
    def __init__(self, start: _Optional[_Union[TaskStart, _Mapping]] = ..., waveform: _Optional[_Union[TaskWaveform, _Mapping]] = ..., ready: _Optional[_Union[TaskReady, _Mapping]] = ...) -> None: ...

class WorkerHello(_message.Message):
    __slots__ = ("worker_id", "plugins", "credit")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    plugins: _containers.RepeatedCompositeFieldContainer[PluginInfo]
    credit: int
    def __init__(self, worker_id: _Optional[str] = ..., plugins: _Optional[_Iterable[_Union[PluginInfo, _Mapping]]] = ..., credit: _Optional[int] = ...) -> None: ...

class PluginInfo(_message.Message):
    __slots__ = ("name", "version", "kinds", "tick_period_s")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    TICK_PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    kinds: _containers.RepeatedScalarFieldContainer[str]
    tick_period_s: float
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., kinds: _Optional[_Iterable[str]] = ..., tick_period_s: _Optional[float] = ...) -> None: ...

class TaskStart(_message.Message):
    __slots__ = ("task_id", "plugin", "lease_s", "context_json", "kind")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    plugin: str
    lease_s: float
    context_json: str
    kind: str
    def __init__(self, task_id: _Optional[str] = ..., plugin: _Optional[str] = ..., lease_s: _Optional[float] = ..., context_json: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class TaskWaveform(_message.Message):
    __slots__ = ("task_id", "box_id", "start_unix_ns", "sample_rate_hz", "volts_per_count", "samples")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    START_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    VOLTS_PER_COUNT_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    box_id: str
    start_unix_ns: int
    sample_rate_hz: float
    volts_per_count: float
    samples: bytes
    def __init__(self, task_id: _Optional[str] = ..., box_id: _Optional[str] = ..., start_unix_ns: _Optional[int] = ..., sample_rate_hz: _Optional[float] = ..., volts_per_count: _Optional[float] = ..., samples: _Optional[bytes] = ...) -> None: ...

class TaskReady(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class TaskDone(_message.Message):
    __slots__ = ("task_id", "findings_json")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    findings_json: str
    def __init__(self, task_id: _Optional[str] = ..., findings_json: _Optional[str] = ...) -> None: ...

class TaskFailed(_message.Message):
    __slots__ = ("task_id", "error")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    error: str
    def __init__(self, task_id: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class TaskAlive(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...
