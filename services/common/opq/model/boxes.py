"""Boxes, the grids they hang on, and what is known of them right now."""

from dataclasses import dataclass, field
from enum import Enum

from opq.errors import check_range
from opq.ids import BoxId, GridId
from opq.model.features import TimeSource


@dataclass(frozen=True, slots=True)
class Nominal:
    """Declared supply: Udin [V] and nominal frequency [Hz]; of a box 50 to 1000 V, see `check_supply`."""

    u_din_v: float
    f_hz: float

    def __post_init__(self) -> None:
        check_range("u_din_v", self.u_din_v, 1e-6, 1e7, "V")
        check_range("f_hz", self.f_hz, 45, 65, "Hz")

    @property
    def cycles(self) -> int:
        """N, the cycles of a basic window: 10 at 50 Hz, 12 at 60 Hz (IEC 61000-4-30)."""
        return 12 if self.f_hz > 55 else 10

    def check_supply(self) -> "Nominal":
        """Return the same if a box can hang on it; recordings may be of higher voltages or of a transducer's.

        Raises
        ------
        InvalidInput
            If Udin is not 50 to 1000 V.
        """
        check_range("u_din_v", self.u_din_v, 50, 1000, "V")
        return self


@dataclass(frozen=True, slots=True)
class Limits:
    """Absolute limits of one box; outside them is a hard trigger (Makai)."""

    u_low_pu: float = 0.95
    u_high_pu: float = 1.05
    f_deviation_hz: float = 0.1
    thd_pct: float = 5.0
    transient_pu: float = 8.0 / 120.0
    """Peak of the transient residual over Udin: 8 V on 120 V."""


@dataclass(frozen=True, slots=True)
class Box:
    """A sensor as it is enrolled."""

    box_id: BoxId
    grid_id: GridId
    nominal: Nominal
    name: str = ""
    feeder: str = ""
    """Label of the branch the box hangs on; boxes with the same label are electrical neighbours."""
    limits: Limits = field(default_factory=Limits)
    window_cycles: int = 0
    """Cycles per feature window; 0 is the basic window of 10 or 12."""

    def __post_init__(self) -> None:
        self.nominal.check_supply()


class Power(Enum):
    """What a box runs on."""

    UNKNOWN = "unknown"
    MAINS = "mains"
    BATTERY = "battery"


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """What the site last saw of a box. Written by ingest, read by everybody."""

    box_id: BoxId
    connected: bool = False
    session_id: str = ""
    """The Connect stream that holds the box, made by ingest."""
    boot_id: str = ""
    """Changes with every start of the agent."""
    connected_unix_ns: int = 0
    disconnected_unix_ns: int = 0
    last_frame_unix_ns: int = 0
    """End of the newest window stored, by the clock of the box."""
    heard_unix_ns: int = 0
    """When frames last came, by the clock of the site."""
    last_gasp_unix_ns: int = 0
    """When the box last said that its power was going; 0 is never."""
    u_rms_v: float = 0.0
    f_hz: float = 0.0
    thd_pct: float = 0.0
    power: Power = Power.UNKNOWN
    time_source: TimeSource = TimeSource.FREE
    clock_uncertainty_ns: int = 0
    agent_version: str = ""
    spooled_frames: int = 0
    """Frames the box holds that were not yet acknowledged."""
    dropped_frames: int = 0
    """Frames the box lost for want of space since its agent started."""
    battery_pct: float | None = None
    """Charge of its battery [%]; None if it has none or cannot tell."""
    window_cycles: int = 0
    """Cycles per feature window as the box confirmed them in this session, if `configured_unix_ns` is not 0."""
    configured_unix_ns: int = 0
    """When the box last answered a configuration in this session; 0 is not yet."""
    configuration_problem: str = ""
    """Why it refused the last one; empty if it did not."""

    @property
    def seen_unix_ns(self) -> int:
        """When the box was last there: what its clock says counts only if that is later; 0 is never."""
        return max(self.heard_unix_ns, self.last_frame_unix_ns)


@dataclass(frozen=True, slots=True)
class BoxSeen:
    """The newest values of a box, written every few seconds."""

    box_id: BoxId
    last_frame_unix_ns: int
    heard_unix_ns: int
    u_rms_v: float
    f_hz: float
    thd_pct: float


@dataclass(frozen=True, slots=True)
class BoxHealth:
    """What a box says of itself every half minute, and when it changes."""

    power: Power = Power.UNKNOWN
    spooled_frames: int = 0
    dropped_frames: int = 0
    battery_pct: float | None = None
