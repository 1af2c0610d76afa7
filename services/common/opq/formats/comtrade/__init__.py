"""COMTRADE (IEEE C37.111-1991, -1999, -2013; IEC 60255-24): reader and writer.

Apart from the other formats because a recording is a pair of files or a container of four, in four encodings of
samples, with rules of its own for time stamps and missing values.

Clause numbers in this package are those of the edition of 2013. We could not open the standard itself, so each carries (M);
the layout was checked against public recordings and against the package `comtrade`.
"""

from opq.formats.comtrade.reader import open_comtrade
from opq.formats.comtrade.writer import write_comtrade

__all__ = ["open_comtrade", "write_comtrade"]
