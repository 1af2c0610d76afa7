"""The analysis of a recording: seconds of signal per CPU second, and the memory of the command.

Run ``python benchmarks/analysis.py``. The floor is one real FFT of every window, without which there is no distortion; it
is measured in the same run, in turns with the analysis. Memory is the greatest resident set of ``opq analyze`` itself, on
files of 10 and of 60 minutes.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from opq.analysis import Analyzer
from opq.analysis.heap import keep_freed_memory
from opq.model.boxes import Nominal
from opq.testing.waves import Wave

RATE = 12000.0
BLOCK_S = 10
ROUNDS = 3
_PEAK = """
import re, sys
from opq_cli.main import main
try:
    main()
finally:
    # Not ru_maxrss, which a process has from the one that started it.
    print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr)
"""


def analysis_cpu_s(volts: np.ndarray, nominal: Nominal) -> float:
    analyzer = Analyzer(RATE, nominal)
    block = round(BLOCK_S * RATE)
    begin = time.process_time()
    for at in range(0, len(volts), block):
        analyzer.feed(volts[at : at + block])
    analyzer.finish()
    return time.process_time() - begin


def floor_cpu_s(volts: np.ndarray) -> float:
    begin = time.process_time()
    for at in range(0, len(volts), 12_000):
        np.fft.rfft(volts[at : at + 12_000].reshape(5, 2400), axis=1)
    return time.process_time() - begin


def speed(minutes: float) -> None:
    for nominal in (Nominal(120, 60), Nominal(230, 50)):
        wave = Wave(nominal, f_hz=nominal.f_hz + 0.02, harmonics={3: 2, 5: 3}, noise_v=0.001 * nominal.u_din_v)
        volts = wave.volts(60 * minutes)
        taken, floor = [], []
        for _ in range(ROUNDS):
            floor.append(floor_cpu_s(volts))
            taken.append(analysis_cpu_s(volts, nominal))
        ratio, least = 60 * minutes / float(np.median(taken)), float(np.median(floor))
        print(
            f"{nominal.f_hz:g} Hz, {minutes:g} min at {RATE:g} samples/s: {ratio:6.0f} s of signal per CPU second, "
            f"{float(np.median(taken)) / least:5.1f} times the FFT floor (median of {ROUNDS})",
            flush=True,
        )


def write_counts(path: Path, minutes: float) -> None:
    """Write raw int16, a minute at a time."""
    wave = Wave(Nominal(120, 60), f_hz=60.0, harmonics={3: 2, 5: 3}, noise_v=0.12)
    counts = (wave.volts(60) / 0.01).round().astype("<i2").tobytes()
    with path.open("wb") as file:
        for _ in range(round(minutes)):
            file.write(counts)


def memory() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (1, 10, 60):
            path = Path(folder) / f"{minutes}.raw"
            write_counts(path, minutes)
            command = [sys.executable, "-c", _PEAK, "analyze", str(path), "--scale", "0.01", "--json"]
            begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin
            peak_mb = int(done.stderr.split()[-1]) / 1024
            print(f"opq analyze of {minutes:2d} min: {peak_mb:5.0f} MB at most, {cpu_s:5.1f} s CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="length of the signal whose speed is measured")
    options = parser.parse_args()
    # As `opq analyze` does: the products of matrices are small, more threads would only wait for each other.
    keep_freed_memory()
    with threadpool_limits(1):
        speed(options.minutes)
    memory()


if __name__ == "__main__":
    main()
