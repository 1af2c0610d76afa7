from opq.v1 import features_pb2 as _features_pb2
from opq.v1 import problem_pb2 as _problem_pb2
from opq.v1 import waveform_pb2 as _waveform_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PowerSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POWER_SOURCE_UNSPECIFIED: _ClassVar[PowerSource]
    POWER_SOURCE_MAINS: _ClassVar[PowerSource]
    POWER_SOURCE_BATTERY: _ClassVar[PowerSource]
POWER_SOURCE_UNSPECIFIED: PowerSource
POWER_SOURCE_MAINS: PowerSource
POWER_SOURCE_BATTERY: PowerSource

class BoxUp(_message.Message):
    __slots__ = ("hello", "frame", "health", "command_result", "goodbye", "last_gasp")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    COMMAND_RESULT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    LAST_GASP_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    frame: _features_pb2.FeatureFrame
    health: Health
    command_result: CommandResult
    goodbye: Goodbye
    last_gasp: LastGasp
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., frame: _Optional[_Union[_features_pb2.FeatureFrame, _Mapping]] = ..., health: _Optional[_Union[Health, _Mapping]] = ..., command_result: _Optional[_Union[CommandResult, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., last_gasp: _Optional[_Union[LastGasp, _Mapping]] = ...) -> None: ...

class BoxDown(_message.Message):
    __slots__ = ("welcome", "ack", "reject", "waveform_request", "cancel_request", "configure", "get_info", "update_offer")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    REJECT_FIELD_NUMBER: _ClassVar[int]
    WAVEFORM_REQUEST_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONFIGURE_FIELD_NUMBER: _ClassVar[int]
    GET_INFO_FIELD_NUMBER: _ClassVar[int]
    UPDATE_OFFER_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    ack: Ack
    reject: Reject
    waveform_request: WaveformRequest
    cancel_request: CancelRequest
    configure: Configure
    get_info: GetInfo
    update_offer: UpdateOffer
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., reject: _Optional[_Union[Reject, _Mapping]] = ..., waveform_request: _Optional[_Union[WaveformRequest, _Mapping]] = ..., cancel_request: _Optional[_Union[CancelRequest, _Mapping]] = ..., configure: _Optional[_Union[Configure, _Mapping]] = ..., get_info: _Optional[_Union[GetInfo, _Mapping]] = ..., update_offer: _Optional[_Union[UpdateOffer, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("box_id", "agent_version", "boot_id", "u_din_v", "f_nominal_hz", "sample_rate_hz", "volts_per_count", "time_source", "clock_uncertainty_ns", "buffered_from_unix_ns", "spooled_frames", "codecs")
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    U_DIN_V_FIELD_NUMBER: _ClassVar[int]
    F_NOMINAL_HZ_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    VOLTS_PER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TIME_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_UNCERTAINTY_NS_FIELD_NUMBER: _ClassVar[int]
    BUFFERED_FROM_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    SPOOLED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    agent_version: str
    boot_id: str
    u_din_v: float
    f_nominal_hz: float
    sample_rate_hz: float
    volts_per_count: float
    time_source: _features_pb2.TimeSource
    clock_uncertainty_ns: int
    buffered_from_unix_ns: int
    spooled_frames: int
    codecs: _containers.RepeatedScalarFieldContainer[_waveform_pb2.WaveformCodec]
    def __init__(self, box_id: _Optional[str] = ..., agent_version: _Optional[str] = ..., boot_id: _Optional[str] = ..., u_din_v: _Optional[float] = ..., f_nominal_hz: _Optional[float] = ..., sample_rate_hz: _Optional[float] = ..., volts_per_count: _Optional[float] = ..., time_source: _Optional[_Union[_features_pb2.TimeSource, str]] = ..., clock_uncertainty_ns: _Optional[int] = ..., buffered_from_unix_ns: _Optional[int] = ..., spooled_frames: _Optional[int] = ..., codecs: _Optional[_Iterable[_Union[_waveform_pb2.WaveformCodec, str]]] = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("power", "spooled_frames", "dropped_frames", "disk_free_bytes", "rejected_frames", "battery_pct", "temperature_c")
    POWER_FIELD_NUMBER: _ClassVar[int]
    SPOOLED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    DISK_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    BATTERY_PCT_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_C_FIELD_NUMBER: _ClassVar[int]
    power: PowerSource
    spooled_frames: int
    dropped_frames: int
    disk_free_bytes: int
    rejected_frames: int
    battery_pct: float
    temperature_c: float
    def __init__(self, power: _Optional[_Union[PowerSource, str]] = ..., spooled_frames: _Optional[int] = ..., dropped_frames: _Optional[int] = ..., disk_free_bytes: _Optional[int] = ..., rejected_frames: _Optional[int] = ..., battery_pct: _Optional[float] = ..., temperature_c: _Optional[float] = ...) -> None: ...

class CommandResult(_message.Message):
    __slots__ = ("command_id", "problem", "info")
    class InfoEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    problem: _problem_pb2.Problem
    info: _containers.ScalarMap[str, str]
    def __init__(self, command_id: _Optional[str] = ..., problem: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ..., info: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class LastGasp(_message.Message):
    __slots__ = ("unix_ns",)
    UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    unix_ns: int
    def __init__(self, unix_ns: _Optional[int] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session_id", "server_unix_ns", "configuration", "max_unacknowledged", "codec")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SERVER_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    server_unix_ns: int
    configuration: BoxConfiguration
    max_unacknowledged: int
    codec: _waveform_pb2.WaveformCodec
    def __init__(self, session_id: _Optional[str] = ..., server_unix_ns: _Optional[int] = ..., configuration: _Optional[_Union[BoxConfiguration, _Mapping]] = ..., max_unacknowledged: _Optional[int] = ..., codec: _Optional[_Union[_waveform_pb2.WaveformCodec, str]] = ...) -> None: ...

class BoxConfiguration(_message.Message):
    __slots__ = ("window_cycles",)
    WINDOW_CYCLES_FIELD_NUMBER: _ClassVar[int]
    window_cycles: int
    def __init__(self, window_cycles: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: _containers.RepeatedScalarFieldContainer[int]
    last: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, first: _Optional[_Iterable[int]] = ..., last: _Optional[_Iterable[int]] = ...) -> None: ...

class Reject(_message.Message):
    __slots__ = ("sequence", "problem")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    problem: _problem_pb2.Problem
    def __init__(self, sequence: _Optional[int] = ..., problem: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ...) -> None: ...

class WaveformRequest(_message.Message):
    __slots__ = ("acquisition_id", "start_unix_ns", "end_unix_ns")
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    START_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    END_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    acquisition_id: str
    start_unix_ns: int
    end_unix_ns: int
    def __init__(self, acquisition_id: _Optional[str] = ..., start_unix_ns: _Optional[int] = ..., end_unix_ns: _Optional[int] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("acquisition_id",)
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    acquisition_id: str
    def __init__(self, acquisition_id: _Optional[str] = ...) -> None: ...

class Configure(_message.Message):
    __slots__ = ("command_id", "configuration")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    configuration: BoxConfiguration
    def __init__(self, command_id: _Optional[str] = ..., configuration: _Optional[_Union[BoxConfiguration, _Mapping]] = ...) -> None: ...

class GetInfo(_message.Message):
    __slots__ = ("command_id",)
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    def __init__(self, command_id: _Optional[str] = ...) -> None: ...

class UpdateOffer(_message.Message):
    __slots__ = ("command_id", "update_id", "version", "size_bytes")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    update_id: str
    version: str
    size_bytes: int
    def __init__(self, command_id: _Optional[str] = ..., update_id: _Optional[str] = ..., version: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class DownloadUpdateRequest(_message.Message):
    __slots__ = ("box_id", "update_id", "offset")
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    box_id: str
    update_id: str
    offset: int
    def __init__(self, box_id: _Optional[str] = ..., update_id: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class DownloadUpdateResponse(_message.Message):
    __slots__ = ("offset", "data", "crc32")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    crc32: int
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ..., crc32: _Optional[int] = ...) -> None: ...
