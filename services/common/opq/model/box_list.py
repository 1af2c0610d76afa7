"""Boxes as a file, so that whoever knows them and whoever enrols them need not be the same program."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from opq import ids
from opq.errors import InvalidInput
from opq.model.boxes import Box

_BOXES = TypeAdapter(tuple[Box, ...])


def save_boxes(boxes: tuple[Box, ...], path: Path) -> None:
    """Write as JSON."""
    path.write_bytes(_BOXES.dump_json(boxes, indent=1))


def load_boxes(path: Path) -> tuple[Box, ...]:
    """Read what `save_boxes` wrote.

    Raises
    ------
    InvalidInput
        If the file is missing or holds no boxes, naming the place; or if it holds a box twice.
    """
    try:
        boxes = _BOXES.validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"boxes: cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"boxes: {path}: {place}: {first['msg']}") from error
    for box in boxes:
        ids.box_id(box.box_id)
        ids.grid_id(box.grid_id)
    known = {box.box_id for box in boxes}
    if len(known) != len(boxes):
        raise InvalidInput(f"boxes: {path}: {len(boxes)} entries for {len(known)} boxes, expected each box once")
    return boxes
