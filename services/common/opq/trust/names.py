"""Identities, and the two forms in which a certificate names one.

A certificate of OPQ has both names as subject alternative names: a URI, ``opq://box/BOX_ID`` or ``opq://service/ROLE``,
and a DNS name, ``BOX_ID.box.opq`` or ``ROLE.service.opq``. A client asks TLS itself for the DNS name of the role it wants
to reach, so that neither host names nor addresses need to be in certificates. A certificate of another authority may
have either form; all that are there must name the same identity.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from opq import ids
from opq.errors import InvalidInput
from opq.ids import BoxId


class Role(Enum):
    """What the holder of a certificate is."""

    BOX = "box"
    INGEST = "ingest"
    MAKAI = "makai"
    HUB = "hub"
    WORKER = "worker"
    VIEW = "view"
    OPERATOR = "operator"
    CLIENT = "client"


SERVERS = frozenset({Role.INGEST, Role.MAKAI, Role.HUB})
"""Roles whose certificates also serve."""
_BOX_URI, _SERVICE_URI = "opq://box/", "opq://service/"
_BOX_DNS, _SERVICE_DNS = re.compile(r"(.*)\.box\.opq"), re.compile(r"(.*)\.service\.opq")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a certificate stands for: a service by its role, or one box."""

    role: Role
    box_id: BoxId | None = None
    """Of a box, and only of a box."""

    def __post_init__(self) -> None:
        if (self.role is Role.BOX) != (self.box_id is not None):
            raise InvalidInput(
                f"identity: got {self.role.value} with box id {self.box_id!r}, expected one of a box only"
            )

    def __str__(self) -> str:
        return f"box {self.box_id}" if self.box_id else self.role.value

    @property
    def uri(self) -> str:
        """``opq://box/BOX_ID`` or ``opq://service/ROLE``."""
        return f"{_BOX_URI}{self.box_id}" if self.box_id else f"{_SERVICE_URI}{self.role.value}"

    @property
    def dns(self) -> str:
        """``BOX_ID.box.opq`` or ``ROLE.service.opq``."""
        return f"{self.box_id}.box.opq" if self.box_id else server_name(self.role)


def server_name(role: Role) -> str:
    """Return the DNS name that a client expects of a server with this role."""
    return f"{role.value}.service.opq"


def identity_of(uris: Iterable[str], dns_names: Iterable[str]) -> Identity:
    """Read whom the names of a certificate stand for; names that are none of ours are passed over.

    Raises
    ------
    InvalidInput
        If no name is ours, one is malformed, or they name different identities.
    """
    found = {_from_uri(uri) for uri in uris if uri.startswith("opq:")}
    found |= {_from_dns(name.lower()) for name in dns_names if name.lower().endswith((".box.opq", ".service.opq"))}
    if not found:
        raise InvalidInput(
            f"certificate: no name says who it is for, expected {_BOX_URI}BOX_ID, {_SERVICE_URI}ROLE, "
            "BOX_ID.box.opq or ROLE.service.opq among the subject alternative names"
        )
    if len(found) > 1:
        names = ", ".join(sorted(map(str, found)))
        raise InvalidInput(f"certificate: its names stand for several ({names}), expected one")
    return found.pop()


def service_role(text: str) -> Role:
    """Read the role of a service; ``box`` is none.

    Raises
    ------
    InvalidInput
        Naming the roles there are.
    """
    roles = {role.value: role for role in Role if role is not Role.BOX}
    if text not in roles:
        raise InvalidInput(f"role: got {text[:80]!r}, expected one of {', '.join(roles)}")
    return roles[text]


def _from_uri(uri: str) -> Identity:
    if uri.startswith(_BOX_URI):
        return Identity(Role.BOX, ids.box_id(uri.removeprefix(_BOX_URI)))
    if uri.startswith(_SERVICE_URI):
        return Identity(service_role(uri.removeprefix(_SERVICE_URI)))
    raise InvalidInput(f"certificate: got the name {uri[:120]!r}, expected {_BOX_URI}BOX_ID or {_SERVICE_URI}ROLE")


def _from_dns(name: str) -> Identity:
    if match := _BOX_DNS.fullmatch(name):
        return Identity(Role.BOX, ids.box_id(match[1]))
    match = _SERVICE_DNS.fullmatch(name)
    return Identity(service_role(match[1] if match else name))
