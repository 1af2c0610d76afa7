"""What each role may call: the one table of it."""

from opq.trust.names import Identity, Role

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
