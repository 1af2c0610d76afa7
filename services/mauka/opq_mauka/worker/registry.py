"""Which plugins are installed, and their configuration."""

import json
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from opq.errors import InvalidInput, check_option
from opq.model.tasks import DISPATCH
from opq_mauka.sdk import Plugin
from opq_mauka.wire import NAME

GROUP = "opq.mauka.plugins"


def installed_plugins() -> dict[str, type[Plugin[Any]]]:
    """Load every registered plugin class, by name.

    Raises
    ------
    InvalidInput
        If one does not load, is no plugin or has no fit name, or two register one name.
    """
    found: dict[str, type[Plugin[Any]]] = {}
    for entry in entry_points(group=GROUP):
        try:
            plugin: type[Plugin[Any]] = entry.load()
        except Exception as error:
            raise InvalidInput(f"plugin {entry.name} ({entry.value}) does not load: {error}") from error
        _check_plugin(plugin, f"plugin {entry.name} ({entry.value})")
        if plugin.name in found:
            raise InvalidInput(f"plugin {plugin.name}: two installed packages register this name")
        found[plugin.name] = plugin
    return found


def make_plugins(names: Sequence[str], config_path: str) -> dict[str, Plugin[Any]]:
    """Make the named plugins (none named: all), configured from a JSON file by plugin name.

    Raises
    ------
    InvalidInput
        On unknown names and wrong configuration, naming what was expected.
    """
    classes = installed_plugins()
    chosen = [check_option("plugins", name, classes) for name in names] or sorted(classes)
    configs = _read_configs(config_path)
    for name in configs:
        check_option(f"config: {config_path}", name, classes)
    return {name: _make(classes[name], configs.get(name, {})) for name in chosen}


def _check_plugin(plugin: object, where: str) -> None:
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        raise InvalidInput(f"{where} is no class derived from opq_mauka.sdk.Plugin")
    name = getattr(plugin, "name", "")
    if not NAME.fullmatch(name) or name == DISPATCH:
        raise InvalidInput(f"{where}: name: got {name!r}, expected 1 to 63 of a-z, 0-9 and _, and not {DISPATCH!r}")


def _make(plugin: type[Plugin[Any]], config: Any) -> Plugin[Any]:
    if not isinstance(config, dict):
        raise InvalidInput(
            f"configuration of plugin {plugin.name}: got {type(config).__name__}, expected an object with a value per key"
        )
    try:
        return plugin(plugin.config_class.model_validate(config))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"configuration of plugin {plugin.name}: {place}: {first['msg']}") from error


def _read_configs(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        configs = json.loads(Path(path).read_text())
    except OSError as error:
        raise InvalidInput(f"config: cannot read {path}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"config: {path} line {error.lineno}: {error.msg}") from error
    if not isinstance(configs, dict):
        raise InvalidInput(
            f"config: {path}: got {type(configs).__name__}, expected an object with a plugin name per key"
        )
    return configs
