"""How every program of a site runs: settings from flags and environment, event loop, signals, orderly end."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, CliApp, SettingsConfigDict

from opq.errors import OpqError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Main = Callable[[asyncio.Event], Awaitable[None]]


class ServiceSettings(BaseSettings):
    """Base of all settings: each field is a flag ``--like-this`` and a variable ``OPQ_LIKE_THIS``; the flag wins."""

    model_config = SettingsConfigDict(
        env_prefix="OPQ_",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        frozen=True,
        extra="ignore",
    )


Settings = TypeVar("Settings", bound=ServiceSettings)


def parse_settings(settings_class: type[Settings], program: str, arguments: list[str]) -> Settings:
    """Read settings from the command line and the environment; on a wrong one say which and exit with 2."""
    try:
        return CliApp.run(settings_class, cli_args=arguments, cli_settings_source=None, cli_exit_on_error=True)
    except ValidationError as error:
        print(f"{program}: " + f"\n{program}: ".join(phrase_problems(error)), file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None


def phrase_problems(error: ValidationError) -> list[str]:
    """Say what is wrong with settings, a sentence each."""
    return [_problem(problem) for problem in error.errors()]


def _problem(problem: "ErrorDetails") -> str:
    """Say what is wrong with one setting; a rule over several says it itself."""
    if not problem["loc"]:
        return problem["msg"].removeprefix("Value error, ")
    flag = ".".join(str(part) for part in problem["loc"]).replace("_", "-")
    got = f" (got {problem['input']!r})" if problem["type"] != "missing" else ""
    return f"--{flag}: {problem['msg']}{got}"


def run_service(program: str, main: Main) -> None:
    """Run `main(stop)` until it returns; SIGTERM and SIGINT set `stop`. Errors of ours end with one line and 1."""
    try:
        import uvloop
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    try:
        with runner:
            runner.run(_until_stopped(main))
    except OpqError as error:
        print(f"{program}: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


async def _until_stopped(main: Main) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What was imported stays for ever: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    await main(stop)


async def wait_or_stop(stop: asyncio.Event, seconds: float) -> bool:
    """Sleep, but wake when `stop` is set; whether it is."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


async def until_stopped(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let background tasks run until `stop` is set, then cancel them; a task that fails ends the wait with its error."""
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, stopping):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if task is not stopping:
            task.result()
