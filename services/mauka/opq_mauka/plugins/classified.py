"""Plugins that run a classifier of the common library on each box's waveform and go on where an event went on."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

from opq.classifiers import Classifier, Record
from opq.model.incidents import Finding
from opq_mauka.sdk import BoxRecord, EventContext, PluginConfig, RecordPlugin

Config = TypeVar("Config", bound=PluginConfig)


class ClassifierPlugin(RecordPlugin[Config]):
    """Base of plugins of one classifier, made from the configuration."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._classifier = self.classifier(config)

    @abstractmethod
    def classifier(self, config: Config) -> Classifier[Any]:
        """Make the classifier."""

    def findings(self, context: EventContext, record: BoxRecord) -> Sequence[Finding]:
        """Say what happened at one box, joined with what reached the end of the event before."""
        box = record.box
        earlier = [found.finding for found in context.previous if found.finding.box_id == box.box_id]
        records = [Record(segment, box.nominal) for segment in record.segments]
        return self._classifier.findings(earlier, records, box.box_id, box.nominal)
