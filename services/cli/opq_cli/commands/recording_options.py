"""Options that every command on recordings takes, each once."""

from typing import Annotated

import typer

PATHS_HELP = "Recordings: COMTRADE, PQDIF, CSV, WAV, FLAC, raw int16, Parquet."

Format = Annotated[str, typer.Option("--format", help="auto, comtrade, pqdif, csv, pqds, wav, flac, raw16 or parquet.")]
UDin = Annotated[float | None, typer.Option(help="Declared voltage [V]; found if not given.", min=1e-6)]
Frequency = Annotated[float | None, typer.Option(help="Nominal frequency, 50 or 60 [Hz]; found if not given.")]
Scale = Annotated[float | None, typer.Option(help="Volts per count, for counts of a converter.")]
SampleRate = Annotated[float | None, typer.Option(help="Samples per second [Hz], for files that do not say.")]
Channel = Annotated[str, typer.Option(help="Name or number (from 1) of one channel; else all voltages.")]
