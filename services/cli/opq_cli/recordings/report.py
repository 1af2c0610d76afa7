"""stub"""

from pathlib import Path


def write_report(path: Path, outcome, document) -> None:
    raise NotImplementedError
