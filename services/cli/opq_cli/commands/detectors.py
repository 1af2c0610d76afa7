"""``opq makai detectors`` and ``reload``: what detectors there are, how they are configured, and change it while Makai runs."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError

from opq.clock import NS, SystemClock
from opq.errors import InvalidInput, NotFound, Unavailable
from opq.model.detectors import DETECTORS_KEY, GROUP, RELOAD_KEY, STATUS_PREFIX
from opq.store import Store
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, age, print_json, print_table
from opq_cli.site_store import open_site

app = typer.Typer(
    help="Show detectors and their configuration; change it while Makai runs.", invoke_without_command=True
)
_ALIVE_NS = 10 * NS
"""A Makai whose last sign of life is older than this does not run."""
_WAIT_S = 15.0
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Installed:
    """A detector installed where this command runs."""

    name: str
    package: str
    config_class: type[BaseModel] | None
    problem: str = ""
    """Why it does not load."""


@app.callback()
def show(context: typer.Context, store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Show installed detectors, their configuration, and whether Makai took the last change."""
    if context.invoked_subcommand is not None:
        return
    opened = open_site(store)
    configs = opened.settings.get(DETECTORS_KEY) or {}
    found = installed()
    statuses = _statuses(opened)
    if as_json:
        described = [
            {"detector": item.name, "package": item.package, "problem": item.problem, **_described(item, configs)}
            for item in found
        ]
        print_json({"detectors": described, "makai": statuses})
        return
    rows = [_row(item, configs) for item in found]
    columns = (Column("detector"), Column("package", drop=1), Column("state"), Column("configuration"))
    print_table(columns, rows, "No detectors are installed here; install them with: pip install 'opq[makai]'")
    typer.echo("")
    for line in _told(statuses, configs):
        typer.echo(line)


@app.command(name="set")
def set_detector(
    detector: str,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="For example threshold=3.5")
    ] = None,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it takes part.", show_default=False)
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Forget all earlier changes first.")] = False,
    store: str = STORE_OPTION,
) -> None:
    """Change a detector's configuration; Makai takes it up within seconds and forgets nothing it has learned."""
    found = {item.name: item for item in installed()}
    if detector not in found:
        raise NotFound(f"detector {detector!r} is not installed; installed: {', '.join(sorted(found)) or 'none'}")
    opened = open_site(store)
    configs = opened.settings.get(DETECTORS_KEY) or {}
    config = {} if defaults else dict(configs.get(detector, {}))
    config |= dict(_change(text) for text in changes or [])
    if enable is not None:
        config["enabled"] = enable
    checked(found[detector], config)
    kept = {name: item for name, item in {**configs, detector: config}.items() if item}
    if kept == configs:
        typer.echo(f"{detector} is already so")
        return
    opened.settings.put(DETECTORS_KEY, kept)
    typer.echo(f"stored; Makai takes it up within seconds, see: opq makai detectors --store {store}")


def reload(store: str = STORE_OPTION) -> None:
    """Have Makai look for installed detectors anew and load changed ones, without a restart."""
    opened = open_site(store)
    now = SystemClock().unix_ns()
    running = [beat.service_id for beat in opened.heartbeats.list("makai") if now - beat.alive_unix_ns < _ALIVE_NS]
    if not running:
        raise Unavailable("no Makai runs at this store; start one with: opq makai --store ...")
    opened.settings.put(RELOAD_KEY, {"unix_ns": now})
    deadline = time.monotonic() + _WAIT_S
    failed = False
    for makai_id in running:
        while (status := opened.checkpoints.get(STATUS_PREFIX + makai_id) or {}).get("reload_unix_ns", 0) < now:
            if time.monotonic() > deadline:
                raise Unavailable(f"{makai_id} did not answer within {_WAIT_S:g} s; does it still run?")
            time.sleep(_POLL_S)
        problem = status["reload_problem"] or status["problem"]
        failed = failed or bool(problem)
        modules = ", ".join(status["reloaded"]) or "no module had changed"
        typer.echo(f"{makai_id}: {f'goes on with what it has: {problem}' if problem else f'reloaded: {modules}'}")
    if failed:
        raise typer.Exit(1)


def installed() -> list[Installed]:
    """Find the detectors installed here, by name."""
    found = []
    for entry in sorted(entry_points(group=GROUP), key=lambda item: item.name):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
        try:
            found.append(Installed(entry.name, package, getattr(entry.load(), "config_class", None)))
        except Exception as error:  # noqa: BLE001 - somebody's module may fail in any way
            found.append(Installed(entry.name, package, None, f"does not load: {error}"))
    return found


def checked(detector: Installed, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole configuration of a detector, defaults included.

    Raises
    ------
    InvalidInput
        Naming each setting that is wrong, what came and what is expected.
    """
    given = {name: value for name, value in config.items() if name != "enabled"}
    if detector.problem:
        raise InvalidInput(f"detector {detector.name} {detector.problem}")
    if detector.config_class is None:
        if given:
            raise InvalidInput(
                f"detector {detector.name}: got {', '.join(given)}, expected nothing: it has no settings"
            )
        return {}
    try:
        return detector.config_class(**given).model_dump(mode="json")
    except ValidationError as error:
        names = ", ".join(detector.config_class.model_fields)
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']} (got {item['input']!r})"
            for item in error.errors()
        )
        raise InvalidInput(f"detector {detector.name}: {problems}; its settings: {names}") from None


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidInput(f"got {text!r}, expected NAME=VALUE such as threshold=3.5")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _described(item: Installed, configs: Mapping[str, Any]) -> dict[str, Any]:
    given = configs.get(item.name, {})
    try:
        configuration, problem = checked(item, given), ""
    except InvalidInput as error:
        configuration, problem = given, str(error)
    return {
        "enabled": bool(given.get("enabled", True)),
        "configuration": configuration,
        "configuration_problem": problem,
    }


def _row(item: Installed, configs: Mapping[str, Any]) -> list[str]:
    described = _described(item, configs)
    changed = configs.get(item.name, {})
    settings = [
        f"{name}={_short(value)}{'*' if name in changed else ''}" for name, value in described["configuration"].items()
    ]
    state = item.problem or ("on" if described["enabled"] else "off")
    return [item.name, item.package, state, described["configuration_problem"] or " ".join(settings)]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False).replace(" ", "")


def _statuses(store: Store) -> dict[str, dict[str, Any]]:
    items = store.checkpoints.items(STATUS_PREFIX)
    return {key.removeprefix(STATUS_PREFIX): status for key, status in items.items()}


def _told(statuses: Mapping[str, Mapping[str, Any]], configs: Mapping[str, Any]) -> list[str]:
    """Say per Makai process what it made of the configuration."""
    if not statuses:
        return ["No Makai has said yet what it works with. * changed by opq makai detectors set"]
    now = SystemClock().unix_ns()
    lines = []
    for makai_id, status in statuses.items():
        if status["problem"]:
            lines.append(
                f"{makai_id} refused this {age(status['unix_ns'], now)} and works as before: {status['problem']}"
            )
        elif status["in_force"] != configs:
            lines.append(f"{makai_id} has not looked at the last change yet; it does so every 2 s while it runs")
        else:
            lines.append(f"{makai_id} took this up {age(status['unix_ns'], now)}")
        if status["reload_problem"]:
            lines.append(f"{makai_id}, last reload: {status['reload_problem']}")
    return [*lines, "* changed by opq makai detectors set"]
