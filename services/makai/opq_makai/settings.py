"""What can be set about a Makai process."""

from typing import Self

from pydantic import Field, model_validator

from opq.clock import seconds_ns
from opq.rpc.shards import parse_shards
from opq.rpc.tls import ServerSettings
from opq_makai.budget import BudgetRules
from opq_makai.open_event import EventRules


class MakaiSettings(ServerSettings):
    """Watch all boxes of the grids and ask for waveforms where and when something happened.

    Other words after opq makai look at a Makai that runs: watch, state BOX, detectors, reload.
    """

    listen: str = Field("127.0.0.1:4501", description="address and port for ingest, HOST:PORT")
    store: str = Field("sqlite:opq-data/store", description="where results live: sqlite:DIRECTORY or mongodb://...")
    makai_id: str = Field(
        "makai-1", pattern=r"^[a-z0-9-]{1,63}$", description="name of this process, unique in the site"
    )
    quiet_s: float = Field(2.5, ge=2.0, le=60, description="an event closes after this long without a trigger [s]")
    answer_timeout_s: float = Field(30, ge=1, le=600, description="a waveform not there after this long is missing [s]")
    box_budget_pct: float = Field(2.0, gt=0, le=100, description="waveform asked of a box in 24 h at most [% of time]")
    grid_budget_pct: float = Field(
        0.5,
        gt=0,
        le=100,
        description="waveform asked of a grid in 24 h at most, on the mean over its boxes [% of time]",
    )
    witnesses: int = Field(
        4, ge=1, le=100_000, description="of what lasts in a large event, so many boxes are asked for all of it"
    )
    shards: str = Field(
        "",
        description="ids of all Makai processes of the site, with commas between; each grid belongs to one of them. "
        "Without it this one owns everything",
    )

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.makai_id not in self.all_shards:
            raise ValueError(f"--shards: got {self.shards!r}, expected {self.makai_id} (--makai-id) to be among them")
        return self

    @property
    def rules(self) -> EventRules:
        """How triggers become events and requests."""
        return EventRules(
            quiet_ns=seconds_ns(self.quiet_s),
            answer_timeout_ns=seconds_ns(self.answer_timeout_s),
            witnesses=self.witnesses,
            budget=BudgetRules(self.box_budget_pct, self.grid_budget_pct),
        )

    @property
    def all_shards(self) -> tuple[str, ...]:
        """Every shard of the site."""
        return parse_shards(self.shards) if self.shards else (self.makai_id,)
