"""``opq measure``: time series and aggregates of recordings by IEC 61000-4-30."""

from pathlib import Path
from typing import Annotated

import typer

from opq_cli.commands.recording_options import PATHS_HELP, Channel, Format, Frequency, SampleRate, Scale, UDin

WHAT_HELP = (
    "Comma-separated: rms, half_cycle, frequency, thd, harmonics, interharmonics, bands, signalling, deviation, flicker, "
    "rvc, crest, dc, transients, unbalance."
)


def measure(
    paths: Annotated[list[Path], typer.Argument(help=PATHS_HELP)],
    what: Annotated[str, typer.Option(help=WHAT_HELP)] = "rms,frequency",
    interval: Annotated[
        str, typer.Option(help="window (10 or 12 cycles), 3s, 10min or 2h, for what is aggregated.")
    ] = "window",
    form: Format = "auto",
    u_din: UDin = None,
    frequency: Frequency = None,
    scale: Scale = None,
    sample_rate: SampleRate = None,
    channel: Channel = "",
    signalling: Annotated[float, typer.Option(help="Frequency of mains signalling [Hz], for --what signalling.")] = 0.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: one object per series, values as columns.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one value per line; the default.")] = False,
) -> None:
    """Give the time series of recordings: one line per value, with its time from the first sample and whether it is flagged."""
    # Here, so that commands without recordings start without scipy.
    from opq_cli.recordings.measure import measure_recordings
    from opq_cli.recordings.options import make_options

    options = make_options(
        form, u_din, frequency, scale, sample_rate, channel, [], series=True, signalling_hz=signalling
    )
    if not measure_recordings(paths, options, what, interval, as_json=as_json, as_csv=as_csv):
        raise typer.Exit(1)
