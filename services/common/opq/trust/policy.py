"""Who may read or do what: the one place where it is decided.

Programs are let in by the role in their certificate, people and their tokens by their rights. gRPC interceptors
(`opq.rpc.guard`, `opq.rpc.bearers`), the reading layer of the store (`opq.store.reading`) and the pages ask here.
"""

from dataclasses import dataclass
from enum import Enum

from opq.errors import Forbidden
from opq.ids import BoxId
from opq.trust.names import Identity, Role

# --- programs

_TOOLS = frozenset({Role.OPERATOR, Role.CLIENT, Role.VIEW})
_ANYBODY = frozenset(Role)
_CALLS = {
    "opq.v1.BoxService": frozenset({Role.BOX}),
    "opq.v1.EnrolmentService/Renew": frozenset({Role.BOX}),
    "opq.v1.MakaiService/Feed": frozenset({Role.INGEST}),
    "opq.v1.MakaiService/Trigger": _TOOLS,
    "opq.v1.MakaiService/CancelEvent": _TOOLS,
    "opq.v1.MakaiService/WatchTriggers": _TOOLS,
    "opq.v1.MakaiService/GetBoxState": _TOOLS,
    "opq.v1.MaukaService/Work": frozenset({Role.WORKER}),
    "grpc.health.v1.Health": _ANYBODY,
}
"""Who may call what: a whole service, or one call of it. What is not here nobody may call."""


def may_call(method: str) -> frozenset[Role]:
    """Return the roles that may call ``/package.Service/Method``."""
    name = method.removeprefix("/")
    return _CALLS.get(name) or _CALLS.get(name.rpartition("/")[0]) or frozenset()


def call_refusal(identity: Identity, method: str) -> str:
    """Say why somebody may not call a method; empty if he may."""
    allowed = may_call(method)
    if identity.role in allowed:
        return ""
    roles = ", ".join(sorted(role.value for role in allowed)) or "nobody"
    return f"{method.removeprefix('/')}: got a certificate of {identity}, allowed: {roles}"


# --- people


class UserRole(Enum):
    """What a person is to the site."""

    USER = "user"
    """Sees the boxes he owns."""
    EXPERT = "expert"
    """Sees all boxes."""
    ADMIN = "admin"
    """Sees and changes everything."""


class Right(Enum):
    """What may be read or done; the values are the scopes of API tokens."""

    SITE = "site"
    """Grids as a whole; events and incidents without the names of boxes."""
    BOXES = "boxes"
    """A box: what it is, its values, trends, events and incidents by name."""
    WAVEFORMS = "waveforms"
    """The voltage of a box as it was sampled."""
    ADMINISTER = "administer"
    """Users, tokens and the audit log; whatever is changed about the site."""


_OF_ONES_OWN = frozenset({Right.BOXES, Right.WAVEFORMS})
"""What an owner may of his boxes."""
_EVERYWHERE = {
    None: frozenset({Right.SITE}),
    UserRole.USER: frozenset({Right.SITE}),
    UserRole.EXPERT: frozenset({Right.SITE, Right.BOXES, Right.WAVEFORMS}),
    UserRole.ADMIN: frozenset(Right),
}
"""What each role may of the site and all its boxes; None is a stranger."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who reads or acts.

    Attributes
    ----------
    name : str
        As the audit log has it: ``user alice``, ``token 3f9a of alice``, ``a stranger``.
    role : UserRole or None
        None is a stranger.
    box_ids : frozenset of BoxId
        The boxes he owns.
    scopes : frozenset of Right
        What his token lets through; of a person everything.
    """

    name: str
    role: UserRole | None = None
    box_ids: frozenset[BoxId] = frozenset()
    scopes: frozenset[Right] = frozenset(Right)

    def may(self, right: Right, box_id: BoxId | None = None) -> bool:
        """Whether he has a right, to one box, or to the whole site."""
        if right not in self.scopes:
            return False
        return right in _EVERYWHERE[self.role] or (right in _OF_ONES_OWN and box_id in self.box_ids)

    def check(self, right: Right, box_id: BoxId | None = None) -> None:
        """Refuse what he may not.

        Raises
        ------
        Forbidden
            Naming who asks and what he may not.
        """
        if not self.may(right, box_id):
            what = f" of box {box_id}" if box_id else ""
            raise Forbidden(f"{self.name} has no right to {right.value}{what}")


STRANGER = Principal("a stranger")
LOCAL = Principal("whoever reaches this machine", UserRole.ADMIN)
"""Where nobody is asked: on loopback, for whoever sits at the machine."""
