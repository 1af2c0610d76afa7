"""A radial grid of thousands of boxes with ground truth: features directly, waveforms on demand (`docs/simulation.md`)."""

from opq.sim.grid.block import Block
from opq.sim.grid.kinds import BoxFaultKind, HappeningKind
from opq.sim.grid.plan import PRESETS, GridPlan, PlannedFault, PlannedHappening, load_plan, parse_plan
from opq.sim.grid.truth import Happening, Touch, load_truth, save_truth
from opq.sim.grid.world import World

__all__ = [
    "PRESETS",
    "Block",
    "BoxFaultKind",
    "GridPlan",
    "Happening",
    "HappeningKind",
    "PlannedFault",
    "PlannedHappening",
    "Touch",
    "World",
    "load_plan",
    "load_truth",
    "parse_plan",
    "save_truth",
]
