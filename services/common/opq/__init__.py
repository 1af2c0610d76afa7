"""The shared library of Open Power Quality: words, mathematics, store, formats and wire codecs; no workflow."""

__version__ = "0.1.0"
