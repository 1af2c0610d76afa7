"""Blocking calls beside an event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


async def call_in(executor: Executor, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
    """Run a blocking function in an executor and return what it returns."""
    return await asyncio.get_running_loop().run_in_executor(executor, function, *arguments)
