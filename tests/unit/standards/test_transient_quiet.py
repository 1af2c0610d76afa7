"""Mains without a transient gives none: slow drift of voltage and frequency, harmonics of 4 %, noise.

Ten minutes in all; `benchmarks/classification.py` looks through a day.
"""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltageSegment
from opq.standards.transients import find_transients
from opq.testing.waves import START_UNIX_NS

RATE = 12000
HARMONICS = {3: 2.0, 5: 2.8, 7: 1.6, 11: 0.9, 13: 0.7}


@pytest.mark.parametrize("nominal", [Nominal(120, 60), Nominal(230, 50)])
@pytest.mark.parametrize("snr_db", [20, 30, 40, 60, 100])
def test_a_minute_of_drifting_noisy_mains_has_no_transient(nominal: Nominal, snr_db: float) -> None:
    time = np.arange(60 * RATE) / RATE
    turns = nominal.f_hz * time - 0.1 * 60 / (2 * np.pi) * np.cos(2 * np.pi * time / 60)
    angle = 2 * np.pi * turns
    wave = np.sin(angle)
    for order, percent in HARMONICS.items():
        wave += percent / 100 * np.sin(order * angle + 2 * np.pi * time / (100 + order))
    wave *= np.sqrt(2) * (1 + 0.04 * np.sin(2 * np.pi * time / 50))
    noise = np.random.default_rng(int(snr_db)).standard_normal(len(time))
    volts = nominal.u_din_v * (wave + 10 ** (-snr_db / 20) * noise)
    assert find_transients(VoltageSegment(START_UNIX_NS, RATE, volts), nominal) == []
