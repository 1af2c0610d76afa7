"""A watcher sees what it asked for, in order; a slow one loses the oldest and is told how many."""

import asyncio
from typing import Any

from opq.ids import BoxId, GridId
from opq.model.events import Trigger, TriggerKind
from opq_makai.watchers import MAX_HELD, Watchers, Which

GRIDS = {BoxId("a"): GridId("g"), BoxId("b"): GridId("h")}


class Triggers:
    """Stands in for the hits of a detector."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger

    def triggers(self, _: Any) -> list[Trigger]:
        return [self._trigger]


def offer(watchers: Watchers, *triggers: Trigger) -> None:
    for one in triggers:
        watchers.offer(GRIDS[one.box_id], None, Triggers(one))  # type: ignore[arg-type]


def trigger(box: str = "a", number: int = 0, kind: TriggerKind = TriggerKind.HARD) -> Trigger:
    return Trigger(BoxId(box), number, number + 1, kind, "f_hz", 59.7, 59.9, "limits")


async def test_a_watcher_sees_only_what_it_asked_for() -> None:
    watchers = Watchers()
    given = [trigger("a"), trigger("b"), trigger("b", kind=TriggerKind.SOFT)]
    for which, expected in (
        (Which(), given),
        (Which(grid_id=GridId("h")), given[1:]),
        (Which(box_id=BoxId("a")), given[:1]),
        (Which(kind=TriggerKind.SOFT), given[2:]),
    ):
        with watchers.watcher(which) as watcher:
            offer(watchers, *given)
            assert [(await watcher.next()).trigger for _ in expected] == expected
            waiting = asyncio.create_task(watcher.next())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()


async def test_a_slow_watcher_loses_the_oldest_and_is_told_how_many_and_another_loses_nothing() -> None:
    watchers = Watchers()
    with watchers.watcher(Which()) as slow, watchers.watcher(Which()) as quick:
        for number in range(MAX_HELD + 7):
            offer(watchers, trigger(number=number))
            assert (await quick.next()).lost == 0
        first, second = await slow.next(), await slow.next()
        assert (first.trigger.start_unix_ns, first.lost) == (7, 7)
        assert (second.trigger.start_unix_ns, second.lost) == (8, 0)


async def test_nobody_is_kept_who_has_left() -> None:
    watchers = Watchers()
    with watchers.watcher(Which()):
        pass
    offer(watchers, trigger())
    assert watchers._watchers == []
