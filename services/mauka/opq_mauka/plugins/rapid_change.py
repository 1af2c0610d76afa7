"""Rapid voltage changes."""

from typing import ClassVar

from pydantic import Field

from opq.classifiers import RapidChangeClassifier
from opq.standards.rapid_changes import RapidChangeLimits
from opq_mauka.plugins.classified import ClassifierPlugin
from opq_mauka.sdk import PluginConfig


class RapidChangeConfig(PluginConfig):
    """When a change is rapid."""

    threshold_pu: float = Field(default=0.05, ge=0.01, le=0.06)
    """Deviation from the mean of the last second, over Udin."""
    hysteresis_share: float = Field(default=0.5, ge=0, lt=1)
    """The voltage is steady again within the threshold less this share of it."""


class RapidVoltageChange(ClassifierPlugin[RapidChangeConfig]):
    """One incident per change from one steady voltage to another without a sag or swell in it."""

    name: ClassVar[str] = "rapid_voltage_change"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = RapidChangeConfig

    def classifier(self, config: RapidChangeConfig) -> RapidChangeClassifier:
        """Make the classifier."""
        return RapidChangeClassifier(RapidChangeLimits(**config.model_dump()))
