from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProblemCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROBLEM_CODE_UNSPECIFIED: _ClassVar[ProblemCode]
    PROBLEM_CODE_MALFORMED: _ClassVar[ProblemCode]
    PROBLEM_CODE_OUT_OF_RANGE: _ClassVar[ProblemCode]
    PROBLEM_CODE_ABSURD_TIME: _ClassVar[ProblemCode]
    PROBLEM_CODE_UNKNOWN_BOX: _ClassVar[ProblemCode]
    PROBLEM_CODE_UNKNOWN_ACQUISITION: _ClassVar[ProblemCode]
    PROBLEM_CODE_CHECKSUM: _ClassVar[ProblemCode]
    PROBLEM_CODE_LIMIT: _ClassVar[ProblemCode]
    PROBLEM_CODE_NOT_AVAILABLE: _ClassVar[ProblemCode]
PROBLEM_CODE_UNSPECIFIED: ProblemCode
PROBLEM_CODE_MALFORMED: ProblemCode
PROBLEM_CODE_OUT_OF_RANGE: ProblemCode
PROBLEM_CODE_ABSURD_TIME: ProblemCode
PROBLEM_CODE_UNKNOWN_BOX: ProblemCode
PROBLEM_CODE_UNKNOWN_ACQUISITION: ProblemCode
PROBLEM_CODE_CHECKSUM: ProblemCode
PROBLEM_CODE_LIMIT: ProblemCode
PROBLEM_CODE_NOT_AVAILABLE: ProblemCode

class Problem(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: ProblemCode
    message: str
    def __init__(self, code: _Optional[_Union[ProblemCode, str]] = ..., message: _Optional[str] = ...) -> None: ...
