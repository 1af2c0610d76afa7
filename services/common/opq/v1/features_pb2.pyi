from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TimeSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_SOURCE_UNSPECIFIED: _ClassVar[TimeSource]
    TIME_SOURCE_GPS: _ClassVar[TimeSource]
    TIME_SOURCE_NTP: _ClassVar[TimeSource]
    TIME_SOURCE_FREE: _ClassVar[TimeSource]
TIME_SOURCE_UNSPECIFIED: TimeSource
TIME_SOURCE_GPS: TimeSource
TIME_SOURCE_NTP: TimeSource
TIME_SOURCE_FREE: TimeSource

class FeatureFrame(_message.Message):
    __slots__ = ("sequence", "clock_uncertainty_ns", "time_source", "start_unix_ns", "duration_ns", "flags", "u_rms_v", "u_rms_half_min_v", "u_rms_half_max_v", "f_hz", "f_min_hz", "f_max_hz", "thd_pct", "h3_pct", "h5_pct", "h7_pct", "h9_pct", "h11_pct", "h13_pct", "h15_pct", "transient_peak_v", "transient_rms_v", "crest", "dc_v", "p_inst_max", "pst")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_UNCERTAINTY_NS_FIELD_NUMBER: _ClassVar[int]
    TIME_SOURCE_FIELD_NUMBER: _ClassVar[int]
    START_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    U_RMS_V_FIELD_NUMBER: _ClassVar[int]
    U_RMS_HALF_MIN_V_FIELD_NUMBER: _ClassVar[int]
    U_RMS_HALF_MAX_V_FIELD_NUMBER: _ClassVar[int]
    F_HZ_FIELD_NUMBER: _ClassVar[int]
    F_MIN_HZ_FIELD_NUMBER: _ClassVar[int]
    F_MAX_HZ_FIELD_NUMBER: _ClassVar[int]
    THD_PCT_FIELD_NUMBER: _ClassVar[int]
    H3_PCT_FIELD_NUMBER: _ClassVar[int]
    H5_PCT_FIELD_NUMBER: _ClassVar[int]
    H7_PCT_FIELD_NUMBER: _ClassVar[int]
    H9_PCT_FIELD_NUMBER: _ClassVar[int]
    H11_PCT_FIELD_NUMBER: _ClassVar[int]
    H13_PCT_FIELD_NUMBER: _ClassVar[int]
    H15_PCT_FIELD_NUMBER: _ClassVar[int]
    TRANSIENT_PEAK_V_FIELD_NUMBER: _ClassVar[int]
    TRANSIENT_RMS_V_FIELD_NUMBER: _ClassVar[int]
    CREST_FIELD_NUMBER: _ClassVar[int]
    DC_V_FIELD_NUMBER: _ClassVar[int]
    P_INST_MAX_FIELD_NUMBER: _ClassVar[int]
    PST_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    clock_uncertainty_ns: int
    time_source: TimeSource
    start_unix_ns: _containers.RepeatedScalarFieldContainer[int]
    duration_ns: _containers.RepeatedScalarFieldContainer[int]
    flags: _containers.RepeatedScalarFieldContainer[int]
    u_rms_v: _containers.RepeatedScalarFieldContainer[float]
    u_rms_half_min_v: _containers.RepeatedScalarFieldContainer[float]
    u_rms_half_max_v: _containers.RepeatedScalarFieldContainer[float]
    f_hz: _containers.RepeatedScalarFieldContainer[float]
    f_min_hz: _containers.RepeatedScalarFieldContainer[float]
    f_max_hz: _containers.RepeatedScalarFieldContainer[float]
    thd_pct: _containers.RepeatedScalarFieldContainer[float]
    h3_pct: _containers.RepeatedScalarFieldContainer[float]
    h5_pct: _containers.RepeatedScalarFieldContainer[float]
    h7_pct: _containers.RepeatedScalarFieldContainer[float]
    h9_pct: _containers.RepeatedScalarFieldContainer[float]
    h11_pct: _containers.RepeatedScalarFieldContainer[float]
    h13_pct: _containers.RepeatedScalarFieldContainer[float]
    h15_pct: _containers.RepeatedScalarFieldContainer[float]
    transient_peak_v: _containers.RepeatedScalarFieldContainer[float]
    transient_rms_v: _containers.RepeatedScalarFieldContainer[float]
    crest: _containers.RepeatedScalarFieldContainer[float]
    dc_v: _containers.RepeatedScalarFieldContainer[float]
    p_inst_max: _containers.RepeatedScalarFieldContainer[float]
    pst: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, sequence: _Optional[int] = ..., clock_uncertainty_ns: _Optional[int] = ..., time_source: _Optional[_Union[TimeSource, str]] = ..., start_unix_ns: _Optional[_Iterable[int]] = ..., duration_ns: _Optional[_Iterable[int]] = ..., flags: _Optional[_Iterable[int]] = ..., u_rms_v: _Optional[_Iterable[float]] = ..., u_rms_half_min_v: _Optional[_Iterable[float]] = ..., u_rms_half_max_v: _Optional[_Iterable[float]] = ..., f_hz: _Optional[_Iterable[float]] = ..., f_min_hz: _Optional[_Iterable[float]] = ..., f_max_hz: _Optional[_Iterable[float]] = ..., thd_pct: _Optional[_Iterable[float]] = ..., h3_pct: _Optional[_Iterable[float]] = ..., h5_pct: _Optional[_Iterable[float]] = ..., h7_pct: _Optional[_Iterable[float]] = ..., h9_pct: _Optional[_Iterable[float]] = ..., h11_pct: _Optional[_Iterable[float]] = ..., h13_pct: _Optional[_Iterable[float]] = ..., h15_pct: _Optional[_Iterable[float]] = ..., transient_peak_v: _Optional[_Iterable[float]] = ..., transient_rms_v: _Optional[_Iterable[float]] = ..., crest: _Optional[_Iterable[float]] = ..., dc_v: _Optional[_Iterable[float]] = ..., p_inst_max: _Optional[_Iterable[float]] = ..., pst: _Optional[_Iterable[float]] = ...) -> None: ...
