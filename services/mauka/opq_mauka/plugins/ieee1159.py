"""Sags, swells, interruptions, undervoltages and overvoltages by IEEE 1159."""

from typing import ClassVar

from pydantic import Field

from opq.classifiers import VoltageClassifier
from opq.standards.ieee1159 import Thresholds
from opq_mauka.plugins.classified import ClassifierPlugin
from opq_mauka.sdk import PluginConfig


class Ieee1159Config(PluginConfig):
    """Thresholds over Udin."""

    sag_pu: float = Field(default=0.9, gt=0, lt=1)
    """Below this a sag begins."""
    swell_pu: float = Field(default=1.1, gt=1, le=2)
    """Above this a swell begins."""
    interruption_pu: float = Field(default=0.1, gt=0, lt=0.5)
    """Below this it is an interruption."""
    hysteresis_pu: float = Field(default=0.02, ge=0, le=0.05)
    """By how much the voltage must be back for the disturbance to end."""


class Ieee1159(ClassifierPlugin[Ieee1159Config]):
    """One incident per excursion of Urms(1/2), classed by IEEE 1159-2019 table 2."""

    name: ClassVar[str] = "ieee1159"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = Ieee1159Config

    def classifier(self, config: Ieee1159Config) -> VoltageClassifier:
        """Make the classifier."""
        return VoltageClassifier(Thresholds(**config.model_dump()))
