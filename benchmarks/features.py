"""Features from samples: how many times faster than real time, in one process on one core.

Run ``python benchmarks/features.py``. The floor is one real FFT of every window, without which there is no distortion.
"""

import time

import numpy as np

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.signal.extractor import FeatureExtractor
from opq.testing.waves import START_UNIX_NS, Wave

RATE = 12000.0
SECONDS = 60


def extract_ratio(volts: np.ndarray, nominal: Nominal, block: int) -> float:
    extractor = FeatureExtractor(RATE, nominal)
    taken = []
    for second in range(SECONDS):
        begin = time.perf_counter()
        for first in range(second * 12000, (second + 1) * 12000, block):
            extractor.feed(volts[first : first + block], START_UNIX_NS + round(first * NS / RATE))
        taken.append(time.perf_counter() - begin)
    return 1 / float(np.median(taken))


def floor_ratio(volts: np.ndarray) -> float:
    taken = []
    for second in range(SECONDS):
        begin = time.perf_counter()
        np.fft.rfft(volts[second * 12000 : (second + 1) * 12000].reshape(5, 2400), axis=1)
        taken.append(time.perf_counter() - begin)
    return 1 / float(np.median(taken))


def main() -> None:
    for nominal in (Nominal(120, 60), Nominal(230, 50)):
        wave = Wave(nominal, f_hz=nominal.f_hz + 0.02, harmonics={3: 2, 5: 3}, noise_v=0.2)
        volts = wave.volts(SECONDS)
        floor = floor_ratio(volts)
        for block in (12000, 1200, 200):
            ratio = extract_ratio(volts, nominal, block)
            print(
                f"{nominal.f_hz:g} Hz, blocks of {block:5d}: {ratio:7.0f} times real time "
                f"(median of {SECONDS} s), {floor / ratio:5.1f} times the FFT floor"
            )


if __name__ == "__main__":
    main()
