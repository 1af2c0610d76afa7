"""``opq plugin``: list, begin and try plugins."""

import re
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

import typer

from opq.errors import InvalidInput, OpqError, check_option
from opq.ids import EventId
from opq.store import open_store
from opq_mauka.develop.harness import try_on_event
from opq_mauka.wire import findings_json
from opq_mauka.worker.registry import installed_plugins, make_plugins

app = typer.Typer(
    name="opq plugin",
    help="List, begin and try plugins of Mauka.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_FILES = {
    "pyproject.toml.in": "pyproject.toml",
    "plugin.py.in": "opq_{name}/__init__.py",
    "test_plugin.py.in": "tests/test_{name}.py",
    "README.md.in": "README.md",
}


@app.command(name="list")
def list_plugins() -> None:
    """List the plugins that are installed."""
    for name, plugin in sorted(installed_plugins().items()):
        kinds = ", ".join(sorted(kind.value for kind in plugin.kinds))
        summary = (plugin.__doc__ or "").strip().splitlines()[0] if plugin.__doc__ else ""
        typer.echo(f"{name} {plugin.version} ({kinds}): {summary}")


@app.command()
def new(
    name: str = typer.Argument(help="Name of the plugin, a-z 0-9 _"),
    directory: Path | None = typer.Option(None, "--dir", help="Folder to make; by default opq-NAME here."),
) -> None:
    """Begin a plugin: a package with the plugin, its test and how to run it."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise InvalidInput(f"name: got {name!r}, expected a letter and then a-z, 0-9 and _, 41 at most")
    if name in installed_plugins():
        raise InvalidInput(f"name: a plugin {name} is installed already; take another")
    dashed = name.replace("_", "-")
    target = directory or Path(f"opq-{dashed}")
    if target.exists() and any(target.iterdir()):
        raise InvalidInput(f"--dir: {target} exists and is not empty")
    words = {"name": name, "dashed": dashed, "class_name": "".join(part.capitalize() for part in name.split("_"))}
    template = files("opq_mauka.develop") / "template"
    for source, destination in _FILES.items():
        path = target / destination.format(name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template((template / source).read_text()).substitute(words))
    typer.echo(f"made {target}; go on with: cd {target} && pip install -e . pytest && pytest")


@app.command(name="try")
def try_plugin(
    name: str,
    event: str = typer.Option(help="Event in the store."),
    config: str = typer.Option("", help="JSON file with a configuration per plugin name."),
    store: str = typer.Option("sqlite:opq-data/store", envvar="OPQ_STORE", help="sqlite:DIRECTORY or mongodb://..."),
) -> None:
    """Run a plugin on a recorded event and print its findings as JSON; nothing is stored."""
    check_option("name", name, installed_plugins())
    plugin = make_plugins([name], config)[name]
    typer.echo(findings_json(list(try_on_event(open_store(store), plugin, EventId(event)))))


def main() -> None:
    """Run the command line; errors of ours are one line on standard error and exit code 1."""
    try:
        app()
    except OpqError as error:
        print(f"opq plugin: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
