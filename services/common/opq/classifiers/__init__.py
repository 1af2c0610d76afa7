"""From measured records to findings: what the standards say of each disturbance, with the evidence.

One classifier per rule. The plugins of Mauka run them on the records of an event, `opq analyze` on the pieces of a
recording; both join the parts of what records cut apart in the same way.
"""

from opq.classifiers.base import Classifier, Record, join_parts
from opq.classifiers.distortion import DistortionClassifier
from opq.classifiers.envelopes import EnvelopeClassifier
from opq.classifiers.frequency import FrequencyClassifier
from opq.classifiers.rapid_change import RapidChangeClassifier
from opq.classifiers.transient import TransientClassifier
from opq.classifiers.voltage import VoltageClassifier

__all__ = [
    "Classifier",
    "DistortionClassifier",
    "EnvelopeClassifier",
    "FrequencyClassifier",
    "RapidChangeClassifier",
    "Record",
    "TransientClassifier",
    "VoltageClassifier",
    "join_parts",
]
