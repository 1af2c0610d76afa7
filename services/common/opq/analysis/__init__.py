"""All that can be said of a recording without a server: summary, curves, incidents.

Pure: samples come in blocks, an `Analysis` comes out. The same meters and classifiers run in boxes and plugins.
"""

from opq.analysis.analyzer import Analyzer
from opq.analysis.nominal import find_nominal
from opq.analysis.result import Analysis, WaveformSlice

__all__ = ["Analysis", "Analyzer", "WaveformSlice", "find_nominal"]
