"""PQDIF (IEEE 1159.3-2003): reader and writer, and its records and observations for those who want more than waveforms.

Apart from the other formats because a file is a tree of records with identifiers, and holds trends and rms variations
beside waveforms: `read_records` gives the records, `observations` what was measured, `trend_rows` its numbers.
"""

from opq.formats.pqdif.element import Collection, Value
from opq.formats.pqdif.observations import Observation, ObservedChannel, observations
from opq.formats.pqdif.reader import open_pqdif
from opq.formats.pqdif.records import RecordFile, RecordHeader, read_records
from opq.formats.pqdif.series import Series
from opq.formats.pqdif.trends import TREND_COLUMNS, trend_rows, write_trends_csv
from opq.formats.pqdif.writer import write_pqdif

__all__ = [
    "TREND_COLUMNS",
    "Collection",
    "Observation",
    "ObservedChannel",
    "RecordFile",
    "RecordHeader",
    "Series",
    "Value",
    "observations",
    "open_pqdif",
    "read_records",
    "trend_rows",
    "write_pqdif",
    "write_trends_csv",
]
