"""What a simulated grid is made of, and what may happen on it: a plan, written in YAML, checked before anything is computed.

A plan is short because it says how many of each thing hang on the next; `opq.sim.grid.network` makes the tree of it.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from opq.errors import InvalidInput
from opq.ids import BoxId, GridId
from opq.model.boxes import Nominal
from opq.sim.grid.kinds import BoxFaultKind, HappeningKind

PRESETS = ("campus", "neighbourhood", "city")

Positive = Annotated[float, Field(gt=0, le=1e6)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Rate = Annotated[float, Field(ge=0, le=10_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,50}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Substation(_Part):
    """Transmission seen from the substation, its transformer and tap changer."""

    short_circuit_mva: Positive = 800.0
    source_x_over_r: Positive = 10.0
    transformer_mva: Positive = 20.0
    transformer_pct: Positive = 8.0
    """Short-circuit impedance [% of the transformer's own base]."""
    transformer_x_over_r: Positive = 20.0
    tap_step_pct: Annotated[float, Field(gt=0, le=1.25)] = 1.25
    """One step of the tap changer [% of Udin]."""


class Feeders(_Part):
    """Equal feeders: a main line of sections, laterals at their ends, service transformers on these, boxes behind them."""

    count: Count = 2
    line_kv: Positive = 12.0
    """Phase to phase [kV]."""
    sections: Count = 4
    section_km: Positive = 0.8
    main_ohm_per_km: tuple[Positive, Positive] = (0.15, 0.38)
    """Resistance and reactance [ohm/km]."""
    zero_ratio: Positive = 3.0
    """Zero over positive sequence impedance of lines."""
    laterals: Count = 4
    """Per feeder, one after the other at the ends of its sections."""
    lateral_km: Positive = 0.4
    lateral_ohm_per_km: tuple[Positive, Positive] = (0.6, 0.5)
    transformers: Count = 1
    """Per lateral; phases A, B, C in turn."""
    transformer_kva: Positive = 37.5
    """Of one phase."""
    transformer_pct: Positive = 2.5
    boxes: Count = 2
    """Per lateral, behind its transformers in turn."""
    service_ohm: tuple[Positive, Positive] = (0.03, 0.02)


class Rates(_Part):
    """How often things happen by chance: per grid and day, or per box and day."""

    transmission_fault: Rate = 2.0
    feeder_fault: Rate = 0.7
    lateral_fault: Rate = 1.0
    capacitor: Rate = 4.0
    tap_change: Rate = 8.0
    lightning: Rate = 2.0
    distortion: Rate = 3.0
    frequency_excursion: Rate = 1.5
    local_sag_per_box: Rate = 1.2
    local_swell_per_box: Rate = 0.1
    motor_start_per_box: Rate = 0.3
    gap_per_box: Rate = 0.05
    reboot_per_box: Rate = 0.02


class Clocks(_Part):
    """Which clocks the boxes have."""

    gps_share: Share = 0.25
    ntp_ms: Annotated[float, Field(gt=0, le=1000)] = 20.0
    """An NTP clock wanders slowly within plus and minus this."""
    claimed_ms: Annotated[float, Field(gt=0, le=1000)] = 25.0
    """What boxes with NTP say their uncertainty is; those with GPS say 1 us."""
    kinds: dict[str, Literal["gps", "ntp"]] = {}
    """By box id, where it shall not be drawn."""


class PlannedHappening(_Part):
    """Something that shall happen at a given time, whatever is drawn."""

    kind: HappeningKind
    at_s: Annotated[float, Field(ge=0)]
    """From the start of the simulation [s]."""
    duration_s: Positive | None = None
    box: str | None = None
    """Where: at this box, or on its lateral or feeder."""
    size: float | None = None
    """Remaining voltage at the origin [pu], added distortion [%], peak [pu] or deviation [Hz], as the kind has it."""


class PlannedFault(_Part):
    """Something that is wrong with boxes, not with the supply."""

    kind: BoxFaultKind
    at_s: Annotated[float, Field(ge=0)] = 0.0
    duration_s: Positive | None = None
    """Until the end if not given."""
    boxes: tuple[str, ...] = Field(min_length=1)
    offset_s: float = 0.0
    """Of the clock, in a clock fault."""

    @model_validator(mode="after")
    def _clock_has_offset(self) -> "PlannedFault":
        if (self.kind is BoxFaultKind.CLOCK) != (self.offset_s != 0):
            raise ValueError("offset_s: a clock fault has one that is not 0, other faults have none")
        return self


class GridPlan(_Part):
    """One grid of boxes and what may happen on it."""

    name: Name
    u_din_v: Annotated[float, Field(ge=50, le=1000)] = 120.0
    f_hz: Literal[50, 60] = 60
    utc_offset_h: Annotated[float, Field(ge=-12, le=14)] = 0.0
    """Local time minus UTC: people's habits follow it."""
    substation: Substation = Substation()
    feeders: tuple[Feeders, ...] = Field(min_length=1)
    rates: Rates = Rates()
    clocks: Clocks = Clocks()
    happenings: tuple[PlannedHappening, ...] = ()
    faults: tuple[PlannedFault, ...] = ()

    @property
    def nominal(self) -> Nominal:
        """Declared supply of every box."""
        return Nominal(self.u_din_v, float(self.f_hz))

    @property
    def grid_id(self) -> GridId:
        """The grid's id, its name."""
        return GridId(self.name)

    @property
    def box_count(self) -> int:
        """How many boxes the network has."""
        return sum(group.count * group.laterals * group.boxes for group in self.feeders)

    @property
    def box_ids(self) -> tuple[BoxId, ...]:
        """Ids ``NAME-0001`` ... in the order of the network."""
        return tuple(BoxId(f"{self.name}-{number:04d}") for number in range(1, self.box_count + 1))

    @property
    def box_indices(self) -> dict[str, int]:
        """Place of each box id in `box_ids`."""
        return {box: at for at, box in enumerate(self.box_ids)}

    @model_validator(mode="after")
    def _boxes_exist(self) -> "GridPlan":
        known = set(self.box_ids)
        named = [("clocks.kinds", box) for box in self.clocks.kinds]
        named += [(f"happenings.{at}.box", item.box) for at, item in enumerate(self.happenings) if item.box is not None]
        named += [(f"faults.{at}.boxes", box) for at, item in enumerate(self.faults) for box in item.boxes]
        for place, box in named:
            if box not in known:
                raise ValueError(f"{place}: got {box!r}, expected {self.box_ids[0]} to {self.box_ids[-1]}")
        return self


def load_plan(name_or_path: str | Path) -> GridPlan:
    """Read a plan that comes with the package (``campus``, ``neighbourhood``, ``city``) or a YAML file.

    Raises
    ------
    InvalidInput
        If there is no such file or preset, or it is no plan, naming the place.
    """
    name = str(name_or_path)
    if name in PRESETS:
        return parse_plan(files("opq.sim.grid").joinpath("presets", f"{name}.yaml").read_text("utf-8"), name)
    try:
        text = Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"plan: cannot read {name}: expected a YAML file or one of {', '.join(PRESETS)}") from error
    return parse_plan(text, name)


def parse_plan(text: str, source: str = "plan") -> GridPlan:
    """Read a plan from YAML text; `source` names it in errors.

    Raises
    ------
    InvalidInput
        If it is no plan, naming the place.
    """
    try:
        content = yaml.safe_load(text)
        # Through JSON, so that strictness allows lists for tuples and names for enums, and nothing else.
        return GridPlan.model_validate_json(json.dumps(content))
    except yaml.YAMLError as error:
        raise InvalidInput(f"plan: {source}: no YAML: {str(error).splitlines()[0]}") from error
    except TypeError as error:
        raise InvalidInput(f"plan: {source}: {error}; expected numbers, texts, lists and maps") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"plan: {source}: {place or 'plan'}: {first['msg']}") from error
