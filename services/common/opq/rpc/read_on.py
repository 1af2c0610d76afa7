"""How a peer that is still sending comes to know why it is refused: it must be read first, or it sees an internal error."""

import asyncio
import contextlib
from collections.abc import AsyncIterable
from typing import Any

_MAX_BYTES = 4 << 20
_MAX_S = 1.0
_PAUSE_S = 0.1
"""Who says nothing for so long is listening."""


async def read_on(messages: AsyncIterable[Any]) -> None:
    """Read what a peer sends, and throw it away, until it ends or pauses, within reason."""
    left, iterator = _MAX_BYTES, aiter(messages)
    with contextlib.suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(_MAX_S):
            while left > 0:
                message = await asyncio.wait_for(anext(iterator), _PAUSE_S)
                left -= len(message) if isinstance(message, bytes) else message.ByteSize()
