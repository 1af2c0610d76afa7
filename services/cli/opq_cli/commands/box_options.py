"""Options of several commands about boxes: what can be set for good can be overridden for a while."""

from typing import Annotated

import typer

MAX_WINDOW_CYCLES = 3600

ULow = Annotated[float | None, typer.Option(help="Lower voltage limit [pu].", min=0, max=1)]
UHigh = Annotated[float | None, typer.Option(help="Upper voltage limit [pu].", min=1, max=3)]
FDeviation = Annotated[
    float | None, typer.Option("--f-deviation-hz", help="Frequency limit, +/- [Hz].", min=0.001, max=10)
]
Thd = Annotated[float | None, typer.Option("--thd-pct", help="Distortion limit [%].", min=0.1, max=100)]
Transient = Annotated[
    float | None, typer.Option("--transient-pu", help="Transient limit [pu of Udin].", min=0.001, max=10)
]
Cycles = Annotated[
    int | None,
    typer.Option(help="Cycles per feature window; 0 is the basic window of 10 or 12.", min=0, max=MAX_WINDOW_CYCLES),
]
