"""Which boxes stand for a grid in a chart that has room for a few."""

from collections.abc import Mapping, Sequence

from opq.ids import BoxId
from opq.model.boxes import Box, BoxStatus
from opq.model.grid_now import BoxState, box_state


def trend_boxes(boxes: Sequence[Box], statuses: Mapping[BoxId, BoxStatus], now_unix_ns: int, most: int) -> list[Box]:
    """Choose boxes that stand for a grid: on line before others, one of each feeder before a second of any."""
    seen: dict[str, int] = {}
    ranked = []
    for box in sorted(boxes, key=lambda box: (_rank(statuses.get(box.box_id), now_unix_ns), box.box_id)):
        turn = seen.get(box.feeder, 0)
        seen[box.feeder] = turn + 1
        ranked.append((_rank(statuses.get(box.box_id), now_unix_ns), turn, box.box_id, box))
    return sorted((box for *_, box in sorted(ranked, key=lambda item: item[:3])[:most]), key=lambda box: box.box_id)


def _rank(status: BoxStatus | None, now_unix_ns: int) -> int:
    return list(BoxState).index(box_state(status, now_unix_ns))
