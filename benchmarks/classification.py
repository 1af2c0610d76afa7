"""How often the classifiers say of a random record exactly what is in it: confusion matrices, false alarms, and speed.

Run ``python benchmarks/classification.py``; it writes ``docs/classification.md``. ``--cases`` is the number of records for each
kind and signal-to-noise ratio, ``--hours`` how much mains without a transient is looked through.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltageSegment
from opq.standards.transients import find_transients
from opq.testing.classification import PAIRS, SINGLES, SNRS_DB, Kinds, classes_found, is_right, name
from opq.testing.disturbances import draw_case
from opq.testing.waves import START_UNIX_NS, Wave

SEED = 20260101
PROCESSES = 2
QUIET_S = 600
RATE_HZ = 12000
DOCUMENT = Path(__file__).parent.parent / "docs" / "classification.md"
SHORT = {
    "VOLTAGE_SAG": "sag",
    "VOLTAGE_SWELL": "swell",
    "VOLTAGE_INTERRUPTION": "interruption",
    "EXCESSIVE_THD": "THD",
    "IMPULSIVE_TRANSIENT": "impulsive",
    "OSCILLATORY_TRANSIENT": "oscillatory",
    "ARCING_TRANSIENT": "arcing",
    "PERIODIC_NOTCHING": "notching",
    "MULTIPLE_ZERO_CROSSING_TRANSIENT": "zero crossings",
}

Job = tuple[Kinds, float, int, int]
Answers = Counter[tuple[bool, str]]


def judge(job: Job) -> Answers:
    """Count (right, what was found beside or instead) over the records `first` to `last` of a kind."""
    kinds, snr_db, first, last = job
    answers: Answers = Counter()
    for number in range(first, last):
        case = draw_case(kinds, snr_db, (SEED, (SINGLES + PAIRS).index(kinds), int(snr_db), number))
        found = classes_found(case)
        missing = Counter(case.expected) - Counter(found)
        extra = Counter(found) - Counter(case.expected)
        wrong = [f"no {short(kind.value)}" for kind in missing] + [short(kind.value) for kind in extra.elements()]
        answers[(is_right(case, found), ", ".join(sorted(wrong)))] += 1
    return answers


def short(label: str) -> str:
    return " + ".join(SHORT.get(part, "normal") for part in label.split(" + "))


def judge_all(cases: int, pair_cases: int) -> dict[tuple[Kinds, float], Answers]:
    step = 50
    jobs: list[Job] = [
        (kinds, snr_db, first, min(first + step, count))
        for group, count in ((SINGLES, cases), (PAIRS, pair_cases))
        for kinds in group
        for snr_db in SNRS_DB
        for first in range(0, count, step)
    ]
    total: dict[tuple[Kinds, float], Answers] = {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        for job, answers in zip(jobs, pool.map(judge, jobs), strict=True):
            total.setdefault(job[:2], Counter()).update(answers)
            if job[3] == (cases if job[0] in SINGLES else pair_cases):
                print(f"{job[1]:g} dB {percent(total[job[:2]]):6.2f} % {short(name(job[0]))}", flush=True)
    return total


def quiet_alarms(start_s: float) -> int:
    """Count the transients in ten minutes of mains that has none, from `start_s` of its day on.

    Level and frequency drift with the time of day, harmonics of 4 % turn slowly, noise is 40 dB down with hours of 30 dB.
    """
    f_nominal = 50.0 if int(start_s // QUIET_S) % 2 else 60.0
    nominal = Nominal(230.0 if f_nominal == 50 else 120.0, f_nominal)
    time_s = start_s + np.arange(QUIET_S * RATE_HZ) / RATE_HZ
    turns = f_nominal * time_s - 0.04 * 900 / (2 * np.pi) * np.cos(2 * np.pi * time_s / 900)
    angle = 2 * np.pi * (turns - np.floor(turns[0]))
    level = 1 + 0.03 * np.sin(2 * np.pi * time_s / 5000) + 0.01 * np.sin(2 * np.pi * time_s / 37)
    wave = np.sin(angle)
    for order, percent, period_s in ((3, 2.0, 700), (5, 2.8, 1100), (7, 1.6, 1900), (11, 0.9, 400), (13, 0.7, 900)):
        wave += percent / 100 * np.sin(order * angle + 2 * np.pi * time_s / period_s)
    noise_db = 30.0 if int(start_s // 3600) % 4 == 0 else 40.0
    random = np.random.default_rng((SEED, int(start_s)))
    volts = np.sqrt(2) * nominal.u_din_v * level * wave
    volts += nominal.u_din_v * 10 ** (-noise_db / 20) * random.standard_normal(len(volts))
    return len(find_transients(VoltageSegment(START_UNIX_NS, RATE_HZ, volts), nominal))


def count_alarms(hours: float) -> int:
    with ProcessPoolExecutor(PROCESSES) as pool:
        return sum(pool.map(quiet_alarms, np.arange(0, hours * 3600, QUIET_S).tolist()))


def quiet_us_per_s() -> float:
    """CPU time for a second of a quiet 12-kHz record in blocks of 10 s [us], the median at 50 and 60 Hz."""
    taken = []
    for nominal in (Nominal(120, 60), Nominal(230, 50)):
        wave = Wave(nominal, f_hz=nominal.f_hz + 0.03, harmonics={3: 2, 5: 3}, noise_v=0.001 * nominal.u_din_v)
        segment = wave.segment(10)
        for _ in range(40):
            begin = time.process_time()
            find_transients(segment, nominal)
            taken.append((time.process_time() - begin) * 1e5)
    return float(np.median(taken))


def percent(answers: Answers) -> float:
    return 100 * sum(count for (right, _), count in answers.items() if right) / answers.total()


def matrix(results: dict[tuple[Kinds, float], Answers], snr_db: float) -> list[str]:
    """Return the lines of the confusion matrix of single disturbances: rows drawn, columns found, in percent."""
    names = [short(name(kinds)) for kinds in SINGLES]
    lines = ["| drawn | right | " + " | ".join(f"+ {label}" for label in names[1:]) + " | missed |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for kinds, label in zip(SINGLES, names, strict=True):
        answers = results[(kinds, snr_db)]
        wrong: Counter[str] = Counter()
        for (right, what), count in answers.items():
            for part in set() if right else set(what.split(", ")):
                wrong["missed" if part.startswith("no ") else part] += count
        cells = [f"{100 * wrong[column] / answers.total():.1f}" if wrong[column] else "" for column in names[1:]]
        missed = f"{100 * wrong['missed'] / answers.total():.1f}" if wrong["missed"] else ""
        lines.append(f"| {label} | **{percent(answers):.1f}** | " + " | ".join(cells) + f" | {missed} |")
    return lines


def pair_table(results: dict[tuple[Kinds, float], Answers]) -> list[str]:
    lines = ["| drawn | " + " | ".join(f"{snr_db:g} dB" for snr_db in SNRS_DB) + " | most frequent error |"]
    lines.append("|---" * (len(SNRS_DB) + 2) + "|")
    for kinds in PAIRS:
        wrong: Counter[str] = Counter()
        for snr_db in SNRS_DB:
            for (right, what), count in results[(kinds, snr_db)].items():
                wrong[what] += 0 if right else count
        error = next((what for what, count in wrong.most_common(1) if count), "")
        cells = " | ".join(f"{percent(results[(kinds, snr_db)]):.1f}" for snr_db in SNRS_DB)
        lines.append(f"| {short(name(kinds))} | {cells} | {error} |")
    return lines


def overall(results: dict[tuple[Kinds, float], Answers], group: Iterable[Kinds], snr_db: float) -> str:
    rates = [percent(results[(kinds, snr_db)]) for kinds in group]
    return f"{np.mean(rates):.2f} | {min(rates):.1f}"


def document(
    results: dict[tuple[Kinds, float], Answers], cases: tuple[int, int], hours: float, alarms: int, cost: float
) -> str:
    text = [(Path(__file__).parent / "classification_intro.md").read_text().rstrip(), "", "## Result", ""]
    text.append(
        f"{cases[0]} records of each kind with one disturbance or none and {cases[1]} of each with two, at each signal-to-noise "
        f"ratio; seed {SEED}. All numbers in percent."
    )
    text += ["", "| | singles: mean | lowest | pairs: mean | lowest |", "|---|---|---|---|---|"]
    for snr_db in SNRS_DB:
        text.append(f"| {snr_db:g} dB | {overall(results, SINGLES, snr_db)} | {overall(results, PAIRS, snr_db)} |")
    text += ["", f"Mains without a transient, {hours:g} h: {alarms} found.", ""]
    text.append(
        f"A second of a quiet 12-kHz record takes {cost:.0f} us of CPU, in blocks of 10 s (goal: at most 120 us)."
    )
    for snr_db in SNRS_DB:
        text += ["", f"## One disturbance at {snr_db:g} dB", "", *matrix(results, snr_db)]
    text += ["", "## Two disturbances", "", *pair_table(results), ""]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--pair-cases", type=int, help="records of each kind with two, by default as many as --cases")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--output", type=Path, default=DOCUMENT)
    arguments = parser.parse_args()
    cost = quiet_us_per_s()
    print(f"quiet record: {cost:.0f} us CPU per second of signal")
    alarms = count_alarms(arguments.hours)
    print(f"{arguments.hours:g} h without a transient: {alarms} found", flush=True)
    pair_cases = arguments.pair_cases or arguments.cases
    results = judge_all(arguments.cases, pair_cases)
    arguments.output.write_text(document(results, (arguments.cases, pair_cases), arguments.hours, alarms, cost))


if __name__ == "__main__":
    main()
