"""Boxes that fell silent or run on their battery: power cut, unplugged, restarted and network lost told apart."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from opq.clock import NS
from opq.model.boxes import Box, BoxStatus, Power
from opq.model.incidents import Finding, IncidentClass
from opq.model.tasks import TaskKind
from opq_mauka.sdk import EventContext, Plugin, PluginConfig, TickContext

_TOGETHER_NS = 30 * NS
"""What happens to two boxes within this is one happening: box clocks, last frames and last gasps are all this good."""
_GASP_COUNTS_NS = 600 * NS
"""A box in the dark that gasped within this has been in the dark since; frames of it may have come late."""


class OutageConfig(PluginConfig):
    """When silence is an incident."""

    silence_s: float = Field(default=10.0, ge=2, le=3600)
    """Time without frames [s], while an ingest was there to take them."""
    dark_pu: float = Field(default=0.1, gt=0, lt=0.9)
    """A box on its battery that measures less than this [pu] has no mains; the limit of an interruption in IEEE 1159."""


class Outage(Plugin[OutageConfig]):
    """One incident per silence of a box, and per time that it measures nothing on its battery; open until that is over.

    A box says that its power is going if it can (last gasp); one that restarted has another boot id; one that comes back
    with the same boot id had only lost the network. Boxes that never sent a frame are not outages.

    Of a box on its battery the others of its feeder (of its grid, if it has no feeder or is alone on it) tell what happened:
    when one of them lost power about then too, it is a power cut; when they are all right, the box was unplugged, or only
    its own circuit was switched off. Once it is a power cut it stays one, for the others may have power again earlier.
    """

    name: ClassVar[str] = "outage"
    version: ClassVar[str] = "2"
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
        heard = max(status.seen_unix_ns, context.ingest_up_since_unix_ns, reconnected)
        silent, dark = now - heard > self._silence_ns, self._is_dark(box, status, now)
        if lasting is None:
            if dark:
                start = status.last_gasp_unix_ns if 0 < now - status.last_gasp_unix_ns <= _GASP_COUNTS_NS else now
                return self._lasting(context, box, status, start, None)
            return self._lasting(context, box, status, status.last_frame_unix_ns, None) if silent else None
        if self._is_fresh(status, now) and not dark:
            return self._ended(context, box, status, lasting)
        update = self._lasting(context, box, status, lasting.start_unix_ns, lasting)
        return update if _facts(update) != _facts(lasting) else None

    @property
    def _silence_ns(self) -> int:
        return round(self.config.silence_s * NS)

    def _is_fresh(self, status: BoxStatus, now: int) -> bool:
        return now - status.seen_unix_ns <= self._silence_ns

    def _is_dark(self, box: Box, status: BoxStatus, now: int) -> bool:
        """Whether a box measures no mains, and tells it on its battery."""
        no_mains = status.u_rms_v < self.config.dark_pu * box.nominal.u_din_v
        return status.power is Power.BATTERY and no_mains and self._is_fresh(status, now)

    def _lasting(
        self, context: TickContext, box: Box, status: BoxStatus, start: int, before: Finding | None
    ) -> Finding:
        """Make or update an outage that lasts."""
        now = context.now_unix_ns
        cause = self._power_cause(context, box, status, (start, now), before) or "unknown"
        boot_id = before.evidence["boot_id"] if before else status.boot_id
        return self._finding(box, status, (start, now), cause, boot_id)

    def _ended(self, context: TickContext, box: Box, status: BoxStatus, lasting: Finding) -> Finding:
        """Close an outage and say what it was."""
        now = context.now_unix_ns
        start, boot_id = lasting.start_unix_ns, lasting.evidence["boot_id"]
        reconnected = status.connected_unix_ns
        end = reconnected if start < reconnected <= now else now
        cause = self._power_cause(context, box, status, (start, end), lasting)
        if cause is None:
            cause = "box_restarted" if status.boot_id != boot_id else "network_lost"
        return self._finding(box, status, (start, end), cause, boot_id, ended=True)

    def _power_cause(
        self, context: TickContext, box: Box, status: BoxStatus, span: tuple[int, int], before: Finding | None
    ) -> str | None:
        """Say what became of the power; None if nothing tells that it went."""
        start, end = span
        said = str(before.evidence["cause"]) if before else ""
        if said == "power_cut":
            return said
        on_battery = status.power is Power.BATTERY
        if said not in ("power_lost", "unplugged") and not on_battery and not self._gasped(status, start, end):
            return None
        if not on_battery:
            return said if said in ("power_lost", "unplugged") else "power_lost"
        others = self._neighbours(context, box)
        now = context.now_unix_ns
        if any(self._lost_power(seen, start, now) for _, seen in others):
            return "power_cut"
        right = any(self._is_fresh(seen, now) and not self._is_dark(other, seen, now) for other, seen in others)
        if right:
            return "unplugged"
        return said if said in ("power_lost", "unplugged") else "power_lost"

    def _neighbours(self, context: TickContext, box: Box) -> list[tuple[Box, BoxStatus]]:
        """Return the other boxes that ever sent a frame: of the feeder, or of the grid if there are none."""
        grid = [
            (other, seen)
            for other, seen in context.boxes
            if other.grid_id == box.grid_id and other.box_id != box.box_id and seen and seen.last_frame_unix_ns
        ]
        feeder = [(other, seen) for other, seen in grid if box.feeder and other.feeder == box.feeder]
        return feeder or grid

    def _lost_power(self, status: BoxStatus, about: int, now: int) -> bool:
        """Whether a box gasped about a time, or fell silent then."""
        gasped = abs(status.last_gasp_unix_ns - about) <= _TOGETHER_NS
        return gasped or (not self._is_fresh(status, now) and abs(status.last_frame_unix_ns - about) <= _TOGETHER_NS)

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
        if status.battery_pct is not None:
            evidence["battery_pct"] = status.battery_pct
        if status.last_gasp_unix_ns:
            evidence["last_gasp_after_s"] = (status.last_gasp_unix_ns - start) / NS
        return Finding(
            box_id=box.box_id,
            incident_class=IncidentClass.OUTAGE,
            start_unix_ns=start,
            end_unix_ns=end,
            standard="OPQ",
            clause=f"no frames for {self.config.silence_s:g} s, or no mains on battery",
            extreme=(end - start) / NS,
            unit="s",
            open_end=not ended,
            evidence=evidence,
        )


def _facts(finding: Finding) -> dict[str, Any]:
    """Return the evidence that does not change by waiting."""
    return {key: value for key, value in finding.evidence.items() if key not in ("duration_s", "battery_pct")}
