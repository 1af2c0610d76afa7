"""From settings to a source."""

from pathlib import Path

from opq.clock import Clock
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.sim.scenario import load_scenario, quiet_scenario
from opq_box_agent.calibration import load_calibrations
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.source import Source
from opq_box_agent.sources.synthetic import SyntheticSource


def make_source(settings: BoxSettings, clock: Clock) -> Source:
    """Make the source that `settings` name.

    Raises
    ------
    InvalidInput
        If an option it needs is missing or wrong.
    """
    nominal = Nominal(settings.u_din_v, settings.f_nominal_hz).check_supply()
    if settings.source == "synthetic":
        if settings.scenario is not None:
            return SyntheticSource(load_scenario(settings.scenario), BoxId(settings.box_id), clock)
        quiet = quiet_scenario(1, clock.unix_ns(), nominal)
        return SyntheticSource(quiet, quiet.boxes[0].box_id, clock)
    if settings.source == "replay":
        from opq_box_agent.sources.replay import ReplaySource

        return ReplaySource.open(settings, _input(settings), clock)
    from opq_box_agent.sources.opqbox import OpqBoxSource

    if settings.volts_per_count is None and (known := load_calibrations(settings.data_dir / settings.box_id)):
        settings = settings.model_copy(update={"volts_per_count": known[-1].volts_per_count})
    return OpqBoxSource.open(settings, _input(settings), clock)


def _input(settings: BoxSettings) -> Path:
    if settings.input is None:
        raise InvalidInput(f"--input: the source {settings.source} needs a file or device, got none")
    return settings.input
