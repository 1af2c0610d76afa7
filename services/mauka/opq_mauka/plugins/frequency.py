"""Frequency sags, swells and interruptions."""

from typing import ClassVar

from pydantic import Field

from opq.classifiers import FrequencyClassifier
from opq.standards.frequency import FrequencyLimits
from opq_mauka.plugins.classified import ClassifierPlugin
from opq_mauka.sdk import PluginConfig


class FrequencyConfig(PluginConfig):
    """When a frequency is an incident."""

    deviation_hz: float = Field(default=0.1, gt=0, le=5)
    """Deviation from nominal at which it begins [Hz]."""
    hysteresis_hz: float = Field(default=0.02, ge=0, le=0.1)
    """By how much the deviation must be less for it to end [Hz]."""
    interruption_hz: float = Field(default=2.0, gt=0, le=10)
    """Below nominal by more than this is an interruption [Hz]."""
    least_windows: int = Field(default=3, ge=1, le=100)
    """Windows of 10 or 12 cycles it must last."""


class Frequency(ClassifierPlugin[FrequencyConfig]):
    """One incident per time in which the 10/12-cycle frequency was outside nominal +/- 0.1 Hz."""

    name: ClassVar[str] = "frequency"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = FrequencyConfig

    def classifier(self, config: FrequencyConfig) -> FrequencyClassifier:
        """Make the classifier."""
        return FrequencyClassifier(FrequencyLimits(**config.model_dump()))
