"""Installed distributions with entry points, made in a directory: what `pip install` of a package leaves behind."""

from collections.abc import Mapping
from pathlib import Path


def make_distribution(
    directory: Path, name: str, entry_points: Mapping[str, Mapping[str, str]], modules: Mapping[str, str]
) -> None:
    """Write modules and the metadata that registers them; whoever has `directory` on its path finds both.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    name : str
        Of the distribution.
    entry_points : mapping of group to mapping of name to object
        As in ``pyproject.toml``: ``{"opq.mauka.plugins": {"peak": "my_package:Peak"}}``.
    modules : mapping of module name to source
        Top-level modules.
    """
    metadata = directory / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, entries in entry_points.items():
        lines.append(f"[{group}]")
        lines += [f"{entry} = {value}" for entry, value in entries.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, source in modules.items():
        (directory / f"{module}.py").write_text(source)
