from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class EnrolRequest(_message.Message):
    __slots__ = ("token", "request_pem")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_PEM_FIELD_NUMBER: _ClassVar[int]
    token: str
    request_pem: str
    def __init__(self, token: _Optional[str] = ..., request_pem: _Optional[str] = ...) -> None: ...

class EnrolResponse(_message.Message):
    __slots__ = ("chain_pem", "authorities_pem")
    CHAIN_PEM_FIELD_NUMBER: _ClassVar[int]
    AUTHORITIES_PEM_FIELD_NUMBER: _ClassVar[int]
    chain_pem: str
    authorities_pem: str
    def __init__(self, chain_pem: _Optional[str] = ..., authorities_pem: _Optional[str] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("request_pem",)
    REQUEST_PEM_FIELD_NUMBER: _ClassVar[int]
    request_pem: str
    def __init__(self, request_pem: _Optional[str] = ...) -> None: ...

class RenewResponse(_message.Message):
    __slots__ = ("chain_pem", "authorities_pem")
    CHAIN_PEM_FIELD_NUMBER: _ClassVar[int]
    AUTHORITIES_PEM_FIELD_NUMBER: _ClassVar[int]
    chain_pem: str
    authorities_pem: str
    def __init__(self, chain_pem: _Optional[str] = ..., authorities_pem: _Optional[str] = ...) -> None: ...
