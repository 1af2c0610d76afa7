"""Transients: impulses, oscillations, arcing, notching, multiple zero crossings."""

from typing import ClassVar

from pydantic import Field

from opq.classifiers import TransientClassifier
from opq.standards.transients import TransientLimits
from opq_mauka.plugins.classified import ClassifierPlugin
from opq_mauka.sdk import PluginConfig

_LIMITS = TransientLimits()


class TransientConfig(PluginConfig):
    """When something quick is a transient."""

    least_peak_pu: float = Field(default=_LIMITS.least_peak_pu, gt=0, le=4)
    """Least peak over the nominal peak: 8 V at 120 V."""
    peak_sigmas: float = Field(default=_LIMITS.peak_sigmas, ge=4, le=100)
    """Least peak over the noise around it."""
    energy_sigmas2: float = Field(default=_LIMITS.energy_sigmas2, ge=70, le=10_000)
    """Least energy over the variance of the noise [sample]."""
    least_notch_pu: float = Field(default=_LIMITS.least_notch_pu, gt=0, le=1)
    """Least depth of notches over the nominal peak."""
    least_half_cycles: int = Field(default=_LIMITS.least_half_cycles, ge=4, le=1000)
    """Half cycles with a burst that make arcing."""
    longest_pause_s: float = Field(default=_LIMITS.longest_pause_s, ge=0.02, le=10)
    """Longest time without a burst within one arc [s]."""


class TransientPlugin(ClassifierPlugin[TransientConfig]):
    """One incident per transient, of one class, with what it was judged by and the waveform around its peak."""

    name: ClassVar[str] = "transient"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = TransientConfig

    def classifier(self, config: TransientConfig) -> TransientClassifier:
        """Make the classifier."""
        return TransientClassifier(TransientLimits(**config.model_dump()))
