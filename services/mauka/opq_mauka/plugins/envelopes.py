"""Disturbances outside a voltage tolerance envelope: ITIC, SEMI F47, IEEE 1668 and any other curve."""

from typing import Any, ClassVar

from pydantic import field_validator

from opq.classifiers import EnvelopeClassifier
from opq.errors import check_option
from opq.standards.envelopes import ENVELOPES, Envelope
from opq_mauka.plugins.classified import ClassifierPlugin
from opq_mauka.sdk import PluginConfig


class EnvelopeConfig(PluginConfig):
    """Which curve to judge by; incidents are named after it."""

    envelope: str = ""
    """Name of a built-in curve: itic, semi_f47, ieee1668_1_2 or ieee1668_3; empty is the plugin's own."""
    curve: dict[str, Any] | None = None
    """Another curve, instead of a built-in one:
    ``{"name": ..., "lower": [[seconds, pu], ..., [null, pu]], "upper": [...]}``."""

    @field_validator("envelope")
    @classmethod
    def _known(cls, name: str) -> str:
        return check_option("envelope", name, ["", *ENVELOPES])

    @field_validator("curve")
    @classmethod
    def _valid(cls, curve: dict[str, Any] | None) -> dict[str, Any] | None:
        if curve is not None:
            Envelope.from_mapping(curve)
        return curve


class EnvelopePlugin(ClassifierPlugin[EnvelopeConfig]):
    """One incident per disturbance that breaks the envelope; subclasses name the curve."""

    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = EnvelopeConfig
    default_envelope: ClassVar[str]

    def classifier(self, config: EnvelopeConfig) -> EnvelopeClassifier:
        """Make the classifier."""
        if config.curve is not None:
            return EnvelopeClassifier.custom(Envelope.from_mapping(config.curve))
        return EnvelopeClassifier.built_in(config.envelope or self.default_envelope)


class Itic(EnvelopePlugin):
    """The ITI (CBEMA) curve: prohibited region above, no-damage region below."""

    name: ClassVar[str] = "itic"
    default_envelope: ClassVar[str] = "itic"


class SemiF47(EnvelopePlugin):
    """The SEMI F47 envelope of power quality tools."""

    name: ClassVar[str] = "semi_f47"
    default_envelope: ClassVar[str] = "semi_f47"


class Ieee1668(EnvelopePlugin):
    """The IEEE 1668 envelope of types I and II; that of type III by configuration."""

    name: ClassVar[str] = "ieee1668"
    default_envelope: ClassVar[str] = "ieee1668_1_2"
