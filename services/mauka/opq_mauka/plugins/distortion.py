"""Excessive total harmonic distortion."""

from typing import ClassVar

from pydantic import Field

from opq.classifiers import DistortionClassifier
from opq.standards.distortion import DistortionLimits
from opq_mauka.plugins.classified import ClassifierPlugin
from opq_mauka.sdk import PluginConfig


class DistortionConfig(PluginConfig):
    """When distortion is an incident."""

    thd_pct: float = Field(default=5.0, gt=0, le=100)
    """Total harmonic distortion at which it begins [%]."""
    hysteresis_pct: float = Field(default=0.5, ge=0, le=5)
    """By how much it must be less for the incident to end [%]."""
    least_windows: int = Field(default=3, ge=1, le=100)
    """Windows of 10 or 12 cycles it must last."""


class Distortion(ClassifierPlugin[DistortionConfig]):
    """One incident per time in which the 10/12-cycle THD was above its limit."""

    name: ClassVar[str] = "distortion"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = DistortionConfig

    def classifier(self, config: DistortionConfig) -> DistortionClassifier:
        """Make the classifier."""
        return DistortionClassifier(DistortionLimits(**config.model_dump()))
