"""Text of files that do not say how it is encoded, and notes on what was odd."""

import re

import numpy as np

_HIGH_RUNS = re.compile(rb"[\xc0-\xff]+")


def encoding_of(text: bytes) -> str:
    """Guess the encoding: UTF-8 if it is valid; else Cyrillic if high letters come in words, else Western European."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        runs = [len(run) for run in _HIGH_RUNS.findall(text)]
        return "cp1251" if runs and float(np.mean(runs)) > 2 else "iso-8859-1"
    return "utf-8"


def decoded(text: bytes, notes: list[str]) -> str:
    """Decode text of unknown encoding; notes one that is not UTF-8."""
    encoding = encoding_of(text)
    if encoding != "utf-8":
        note(notes, f"text read as {encoding}")
    return text.decode(encoding, errors="replace").removeprefix("\ufeff")


def note(notes: list[str], text: str) -> None:
    """Add a note, unless it is there: samples may be read several times."""
    if text not in notes:
        notes.append(text)
