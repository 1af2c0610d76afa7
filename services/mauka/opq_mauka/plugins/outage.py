"""Boxes that fell silent: power lost, box restarted and network lost told apart."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from opq.clock import NS
from opq.model.boxes import Box, BoxStatus
from opq.model.incidents import Finding, IncidentClass
from opq.model.tasks import TaskKind
from opq_mauka.sdk import EventContext, Plugin, PluginConfig, TickContext


class OutageConfig(PluginConfig):
    """When silence is an incident."""

    silence_s: float = Field(default=10.0, ge=2, le=3600)
    """Time without frames [s], while an ingest was there to take them."""


class Outage(Plugin[OutageConfig]):
    """One incident per silence of a box, open until its frames come again.

    A box says that its power is going if it can (last gasp); one that restarted has another boot id; one that comes back
    with the same boot id had only lost the network. Boxes that never sent a frame are not outages.
    """

    name: ClassVar[str] = "outage"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = OutageConfig
    kinds: ClassVar[frozenset[TaskKind]] = frozenset({TaskKind.TICK})
    tick_period_s: ClassVar[float] = 2.0

    def analyze(self, context: EventContext | TickContext) -> Sequence[Finding]:
        """Open, update and close outages; while no ingest is alive nothing is said."""
        if not isinstance(context, TickContext) or not context.ingest_up_since_unix_ns:
            return ()
        lasting = {incident.finding.box_id: incident.finding for incident in context.open_incidents}
        findings = (
            self._look(context, box, status, lasting.get(box.box_id))
            for box, status in context.boxes
            if status is not None and status.last_frame_unix_ns
        )
        return [finding for finding in findings if finding is not None]

    def _look(self, context: TickContext, box: Box, status: BoxStatus, lasting: Finding | None) -> Finding | None:
        """Say what is new of a box: nothing, an outage, what is learned of one, or its end."""
        now = context.now_unix_ns
        reconnected = status.connected_unix_ns if status.connected else 0
        heard = max(status.last_frame_unix_ns, context.ingest_up_since_unix_ns, reconnected)
        silent = now - heard > self._silence_ns
        if lasting is None:
            return self._lasting(box, status, status.last_frame_unix_ns, now, None) if silent else None
        start = lasting.start_unix_ns
        fresh = status.last_frame_unix_ns > start and now - status.last_frame_unix_ns <= self._silence_ns
        if fresh:
            return self._ended(box, status, lasting, now)
        update = self._lasting(box, status, start, now, lasting)
        return update if _facts(update) != _facts(lasting) else None

    @property
    def _silence_ns(self) -> int:
        return round(self.config.silence_s * NS)

    def _lasting(self, box: Box, status: BoxStatus, start: int, now: int, before: Finding | None) -> Finding:
        """Make or update an outage that lasts."""
        cause = "power_lost" if self._gasped(status, start, now) else "unknown"
        boot_id = before.evidence["boot_id"] if before else status.boot_id
        return self._finding(box, status, (start, now), cause, boot_id)

    def _ended(self, box: Box, status: BoxStatus, lasting: Finding, now: int) -> Finding:
        """Close an outage and say what it was."""
        start, boot_id = lasting.start_unix_ns, lasting.evidence["boot_id"]
        reconnected = status.connected_unix_ns
        end = reconnected if start < reconnected <= now else now
        if lasting.evidence["cause"] == "power_lost" or self._gasped(status, start, end):
            cause = "power_lost"
        elif status.boot_id != boot_id:
            cause = "box_restarted"
        else:
            cause = "network_lost"
        return self._finding(box, status, (start, end), cause, boot_id, ended=True)

    def _gasped(self, status: BoxStatus, start: int, end: int) -> bool:
        """Whether the box said that its power was going; on a battery frames may follow that for a while."""
        return start - self._silence_ns <= status.last_gasp_unix_ns <= end

    def _finding(
        self, box: Box, status: BoxStatus, span: tuple[int, int], cause: str, boot_id: str, *, ended: bool = False
    ) -> Finding:
        start, end = span
        evidence: dict[str, Any] = {
            "cause": cause,
            "silence_s": self.config.silence_s,
            "duration_s": (end - start) / NS,
            "boot_id": boot_id,
            "boot_id_now": status.boot_id,
            "connected": status.connected,
            "power": status.power.value,
        }
        if status.last_gasp_unix_ns:
            evidence["last_gasp_after_s"] = (status.last_gasp_unix_ns - start) / NS
        return Finding(
            box_id=box.box_id,
            incident_class=IncidentClass.OUTAGE,
            start_unix_ns=start,
            end_unix_ns=end,
            standard="OPQ",
            clause=f"no frames for {self.config.silence_s:g} s",
            extreme=(end - start) / NS,
            unit="s",
            open_end=not ended,
            evidence=evidence,
        )


def _facts(finding: Finding) -> dict[str, Any]:
    """Return the evidence that does not change by waiting."""
    return {key: value for key, value in finding.evidence.items() if key != "duration_s"}
