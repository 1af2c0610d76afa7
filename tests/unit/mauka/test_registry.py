"""Plugins found by their registration, and what a user is told when one cannot be used."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from opq.errors import InvalidInput
from opq.testing.distributions import make_distribution
from opq_mauka.worker.registry import installed_plugins, make_plugins

BUILT_IN = [
    "distortion",
    "frequency",
    "ieee1159",
    "ieee1668",
    "itic",
    "outage",
    "rapid_voltage_change",
    "semi_f47",
    "transient",
]
PEAK = """
from pydantic import Field
from opq_mauka.sdk import Plugin, PluginConfig

class PeakConfig(PluginConfig):
    limit_pu: float = Field(default=1.6, gt=0)

class Peak(Plugin[PeakConfig]):
    name = "{name}"
    version = "1"
    config_class = PeakConfig

    def analyze(self, context):
        return []
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    def installed(module: str, source: str, entry: str = "peak", target: str = "Peak") -> None:
        where = tmp_path / module
        make_distribution(where, module, {"opq.mauka.plugins": {entry: f"{module}:{target}"}}, {module: source})
        monkeypatch.syspath_prepend(str(where))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return installed


@pytest.fixture
def config(tmp_path: Path) -> Callable[[object], str]:
    def written(content: object) -> str:
        path = tmp_path / "config.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return written


def refusal(names: list[str], config_path: str = "") -> str:
    with pytest.raises(InvalidInput) as refused:
        make_plugins(names, config_path)
    return str(refused.value)


def test_without_names_all_that_are_installed_run() -> None:
    plugins = make_plugins([], "")
    assert sorted(plugins) == BUILT_IN
    assert {name: plugin.name for name, plugin in plugins.items()} == {name: name for name in BUILT_IN}


def test_a_plugin_of_another_package_is_found_and_configured(install: Install, config) -> None:
    install("peaks", PEAK.format(name="peak"))
    plugins = make_plugins(["peak", "itic"], config({"peak": {"limit_pu": 1.5}}))
    assert list(plugins) == ["peak", "itic"]
    assert plugins["peak"].config.limit_pu == 1.5


def test_configuration_may_name_plugins_that_do_not_run_here(config) -> None:
    assert list(make_plugins(["itic"], config({"outage": {"silence_s": 20}}))) == ["itic"]


def test_an_unknown_plugin_is_answered_with_those_there_are() -> None:
    assert refusal(["ieee1195"]) == f"plugins: got 'ieee1195', expected one of {', '.join(BUILT_IN)}"


def test_a_configuration_of_an_unknown_plugin_is_answered_with_the_file_and_those_there_are(config) -> None:
    path = config({"iee1159": {}})
    assert refusal([], path) == f"config: {path}: got 'iee1159', expected one of {', '.join(BUILT_IN)}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"ieee1159": {"sag_pu": 2}}, "configuration of plugin ieee1159: sag_pu: Input should be less than 1"),
        ({"ieee1159": {"sag": 0.9}}, "configuration of plugin ieee1159: sag: Extra inputs are not permitted"),
        ({"ieee1159": 5}, "configuration of plugin ieee1159: got int, expected an object with a value per key"),
        ({"itic": {"envelope": "cbema"}},
         "configuration of plugin itic: envelope: Value error, envelope: got 'cbema', expected one of"),
        ({"outage": {"silence_s": "long"}}, "configuration of plugin outage: silence_s: Input should be a valid number"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_plugin_and_key(config, content: object, message: str) -> None:
    assert refusal([], config(content)).startswith(message)


def test_a_configuration_that_is_no_file_of_objects_is_named(config, tmp_path: Path) -> None:
    missing = str(tmp_path / "no.json")
    assert refusal([], missing) == f"config: cannot read {missing}: No such file or directory"
    path = config('{\n "itic": }')
    assert refusal([], path) == f"config: {path} line 2: Expecting value"
    path = config([1])
    assert refusal([], path) == f"config: {path}: got list, expected an object with a plugin name per key"


def test_two_packages_with_one_name_are_refused(install: Install) -> None:
    install("peaks", PEAK.format(name="peak"))
    install("summits", PEAK.format(name="peak"), entry="summit")
    assert refusal([]) == "plugin peak: two installed packages register this name"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("def broken(:", "invalid syntax"),
        ("Top = 1", "has no attribute 'Peak'"),
    ],
)
def test_a_plugin_that_does_not_import_is_named_with_the_reason(install: Install, source: str, reason: str) -> None:
    install("peaks", source)
    message = refusal([])
    assert message.startswith("plugin peak (peaks:Peak) does not load: ")
    assert reason in message


def test_what_is_registered_must_be_a_plugin(install: Install) -> None:
    install("peaks", "class Peak: name = 'peak'")
    assert refusal([]) == "plugin peak (peaks:Peak) is no class derived from opq_mauka.sdk.Plugin"


@pytest.mark.parametrize("name", ["Peak", "peak-1", "", "dispatch"])
def test_a_name_the_hub_would_refuse_is_refused_at_once(install: Install, name: str) -> None:
    install("peaks", PEAK.format(name=name))
    assert refusal([]).startswith(f"plugin peak (peaks:Peak): name: got {name!r}, expected 1 to 63 of a-z, 0-9 and _")


def test_loading_gives_classes_by_the_name_they_carry(install: Install) -> None:
    install("peaks", PEAK.format(name="peak"), entry="another_word")
    assert sorted(installed_plugins()) == sorted([*BUILT_IN, "peak"])
