from opq.v1 import features_pb2 as _features_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WaveformCodec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WAVEFORM_CODEC_UNSPECIFIED: _ClassVar[WaveformCodec]
    WAVEFORM_CODEC_RAW_INT16: _ClassVar[WaveformCodec]
    WAVEFORM_CODEC_DELTA_SHUFFLE_ZSTD: _ClassVar[WaveformCodec]
WAVEFORM_CODEC_UNSPECIFIED: WaveformCodec
WAVEFORM_CODEC_RAW_INT16: WaveformCodec
WAVEFORM_CODEC_DELTA_SHUFFLE_ZSTD: WaveformCodec

class Segment(_message.Message):
    __slots__ = ("start_unix_ns", "samples")
    START_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    start_unix_ns: int
    samples: int
    def __init__(self, start_unix_ns: _Optional[int] = ..., samples: _Optional[int] = ...) -> None: ...

class WaveformHeader(_message.Message):
    __slots__ = ("acquisition_id", "box_id", "sample_rate_hz", "volts_per_count", "segments", "samples_crc32", "encoded_bytes", "time_source", "clock_uncertainty_ns", "missing")
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    VOLTS_PER_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_CRC32_FIELD_NUMBER: _ClassVar[int]
    ENCODED_BYTES_FIELD_NUMBER: _ClassVar[int]
    TIME_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_UNCERTAINTY_NS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    acquisition_id: str
    box_id: str
    sample_rate_hz: float
    volts_per_count: float
    segments: _containers.RepeatedCompositeFieldContainer[Segment]
    samples_crc32: int
    encoded_bytes: int
    time_source: _features_pb2.TimeSource
    clock_uncertainty_ns: int
    missing: str
    def __init__(self, acquisition_id: _Optional[str] = ..., box_id: _Optional[str] = ..., sample_rate_hz: _Optional[float] = ..., volts_per_count: _Optional[float] = ..., segments: _Optional[_Iterable[_Union[Segment, _Mapping]]] = ..., samples_crc32: _Optional[int] = ..., encoded_bytes: _Optional[int] = ..., time_source: _Optional[_Union[_features_pb2.TimeSource, str]] = ..., clock_uncertainty_ns: _Optional[int] = ..., missing: _Optional[str] = ...) -> None: ...

class WaveformPiece(_message.Message):
    __slots__ = ("offset", "data", "crc32")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    crc32: int
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ..., crc32: _Optional[int] = ...) -> None: ...

class WaveformChunk(_message.Message):
    __slots__ = ("header", "piece")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    header: WaveformHeader
    piece: WaveformPiece
    def __init__(self, header: _Optional[_Union[WaveformHeader, _Mapping]] = ..., piece: _Optional[_Union[WaveformPiece, _Mapping]] = ...) -> None: ...

class WaveformReceipt(_message.Message):
    __slots__ = ("acquisition_id", "stored_bytes")
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    acquisition_id: str
    stored_bytes: int
    def __init__(self, acquisition_id: _Optional[str] = ..., stored_bytes: _Optional[int] = ...) -> None: ...

class ResumeWaveformRequest(_message.Message):
    __slots__ = ("acquisition_id", "box_id")
    ACQUISITION_ID_FIELD_NUMBER: _ClassVar[int]
    BOX_ID_FIELD_NUMBER: _ClassVar[int]
    acquisition_id: str
    box_id: str
    def __init__(self, acquisition_id: _Optional[str] = ..., box_id: _Optional[str] = ...) -> None: ...

class ResumeWaveformResponse(_message.Message):
    __slots__ = ("received_bytes", "committed")
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    received_bytes: int
    committed: bool
    def __init__(self, received_bytes: _Optional[int] = ..., committed: bool = ...) -> None: ...
