"""What a box says of itself at one moment, in numbers and in sentences; the page and the terminal show the same."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import opq
from opq.clock import NS, iso
from opq.model.features import TimeSource, WindowFlag, Windows
from opq_box_agent.agent import Agent
from opq_box_agent.doctor.agent_files import look_at_certificate, look_at_version
from opq_box_agent.doctor.computer import look_at_power, look_at_temperature
from opq_box_agent.doctor.findings import Finding, failure, good, warning
from opq_box_agent.session import Phase

_STALE_NS = 5 * NS


@dataclass(frozen=True, slots=True)
class Live:
    """The newest window."""

    start_unix_ns: int
    u_rms_v: float
    f_hz: float
    thd_pct: float
    flags: tuple[str, ...]
    """What is to be known about its quality, as in `WindowFlag`."""


@dataclass(frozen=True, slots=True)
class Status:
    """One box at one moment."""

    box_id: str
    version: str
    unix_ns: int
    connected: bool
    ingest: str
    u_din_v: float
    f_nominal_hz: float
    live: Live | None
    """None before the first window."""
    clock: str
    clock_uncertainty_ns: int
    waiting_frames: int
    dropped_frames: int
    ring_from_unix_ns: int
    """Time of the oldest raw sample; 0 if there is none."""
    memory_bytes: int
    findings: tuple[Finding, ...]

    def to_json(self) -> str:
        """Write as JSON."""
        return json.dumps(asdict(self), default=lambda state: state.value, indent=1)


def take(agent: Agent) -> Status:
    """Look at an agent; in the thread of its event loop."""
    config, now = agent.config, agent.clock.unix_ns()
    source, uncertainty_ns = agent.time
    shown = config.credentials
    live = _live(agent.latest)
    return Status(
        box_id=config.box_id,
        version=opq.__version__,
        unix_ns=now,
        connected=agent.session.phase is Phase.READY,
        ingest=config.ingest,
        u_din_v=config.nominal.u_din_v,
        f_nominal_hz=config.nominal.f_hz,
        live=live,
        clock=source.value,
        clock_uncertainty_ns=uncertainty_ns,
        waiting_frames=len(agent.spool),
        dropped_frames=agent.spool.dropped,
        ring_from_unix_ns=agent.ring.oldest_unix_ns,
        memory_bytes=_memory_bytes(),
        findings=(
            _look_at_measuring(live, now),
            _look_at_link(agent),
            _look_at_waiting(agent),
            _look_at_ring(agent, now),
            _look_at_clock(source, uncertainty_ns),
            look_at_power(agent.power),
            look_at_temperature(agent.temperature_c),
            look_at_certificate(shown.files if shown else None, bool(shown and shown.enrolment), config.ingest, now),
            look_at_version(agent.slots),
        ),
    )


def _live(latest: Windows | None) -> Live | None:
    if latest is None:
        return None
    u_rms_v, f_hz, thd_pct = (round(float(latest.column(name)[-1]), 3) for name in ("u_rms_v", "f_hz", "thd_pct"))
    flags = tuple(flag.name.lower() for flag in WindowFlag(int(latest.flags[-1])) if flag.name)
    return Live(int(latest.start_unix_ns[-1]), u_rms_v, f_hz, thd_pct, flags)


def _look_at_measuring(live: Live | None, unix_ns: int) -> Finding:
    if live is None:
        return warning("measuring", "nothing was measured yet", "wait a moment; else opq box doctor")
    if unix_ns - live.start_unix_ns > _STALE_NS:
        return failure("measuring", f"nothing was measured since {iso(live.start_unix_ns)}", "opq box doctor")
    if "clipped" in live.flags:
        return warning("measuring", "samples are at the end of the range", "lower the gain of the box")
    return good("measuring", f"the mains at {iso(live.start_unix_ns)}")


def _look_at_link(agent: Agent) -> Finding:
    ingest = agent.config.ingest
    if agent.session.phase is Phase.READY:
        return good("link", f"connected with {ingest}")
    if agent.link.refusal:
        return failure("link", f"{ingest} refuses this box: {agent.link.refusal}", "see to it at the site")
    return warning("link", f"no connection with {ingest}; what is measured is kept", "see to the network and the site")


def _look_at_waiting(agent: Agent) -> Finding:
    text = f"{len(agent.spool)} frames wait to be acknowledged, {agent.spool.dropped} are lost"
    if agent.disk_problem:
        return failure("disk", f"it takes no more: {agent.disk_problem}", "make room, or replace the card")
    if agent.spool.dropped:
        return warning("waiting", text, "see to the network and the site, or give it more space (--spool-max-mb)")
    return good("waiting", text)


def _look_at_ring(agent: Agent, unix_ns: int) -> Finding:
    oldest = agent.ring.oldest_unix_ns
    return good("raw samples", f"of the last {(unix_ns - oldest) / NS:.0f} s" if oldest else "none yet")


def _look_at_clock(source: TimeSource, uncertainty_ns: int) -> Finding:
    text = f"{source.value}, right within {uncertainty_ns / 1e6:.1f} ms"
    if source is TimeSource.FREE:
        return warning("clock", text, "let a time server be reached (chrony, systemd-timesyncd)")
    return good("clock", text)


def _memory_bytes() -> int:
    """Return the memory of this process that is resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
