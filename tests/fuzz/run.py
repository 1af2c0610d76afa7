"""``python tests/fuzz/run.py``: damaged messages and files by the million; nothing may crash, hang or eat the memory.

Every target runs in a process of its own with a limit of memory, every case with a limit of time. A case that fails is kept
as a file; ``--replay TARGET FILE`` runs it again.
"""

import argparse
import json
import multiprocessing
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parent))
from mutations import damaged
from targets import OURS, TARGETS

CASE_S = 5
MEMORY_BYTES = 4 << 30
MOST_FAILURES = 5
_SPOKEN_S = 10.0


class Hangs(BaseException):
    """A case took too long."""


@dataclass
class Outcome:
    target: str
    cases: int = 0
    taken: int = 0
    """Cases that were read; the others were refused with an error of ours."""
    seconds: float = 0.0
    slowest_s: float = 0.0
    grown_mb: int = 0
    """Memory at its most, beyond what the process took before the first case."""
    failures: list[str] = field(default_factory=list)


def run_case(target: str, data: bytes, folder: Path) -> bool:
    """Run one case in an empty folder; whether it was read. Whatever is no error of ours comes out."""
    work = folder / "work"
    work.mkdir()
    signal.setitimer(signal.ITIMER_REAL, CASE_S)
    try:
        TARGETS[target].take(data, work)
    except OURS:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        shutil.rmtree(work)
    return True


def run_target(target: str, cases: int, seed: int, failures: Path) -> Outcome:
    """Run many cases of one target."""
    signal.signal(signal.SIGALRM, _hangs)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    rng, outcome = random.Random(f"{seed} {target}"), Outcome(target)
    samples = TARGETS[target].samples()
    with tempfile.TemporaryDirectory(dir=_in_memory()) as name:
        folder = Path(name)
        for sample in samples:
            assert run_case(target, sample, folder), f"{target}: a sample that is right was refused"
        before, began = _peak_mb(), time.monotonic()
        spoken = began
        for _ in range(cases):
            data = damaged(rng, samples)
            start = time.monotonic()
            try:
                outcome.taken += run_case(target, data, folder)
            except (Exception, Hangs) as error:  # noqa: BLE001  # whatever it is, it is what is looked for
                outcome.failures.append(_kept(target, data, error, failures, len(outcome.failures)))
            now = time.monotonic()
            outcome.cases += 1
            outcome.slowest_s = max(outcome.slowest_s, now - start)
            if now - spoken > _SPOKEN_S:
                spoken = now
                print(f"{target}: {outcome.cases} of {cases}", file=sys.stderr, flush=True)
            if len(outcome.failures) >= MOST_FAILURES:
                break
        outcome.seconds = time.monotonic() - began
        outcome.grown_mb = _peak_mb() - before
    return outcome


def _hangs(_: int, __: FrameType | None) -> None:
    raise Hangs(f"took longer than {CASE_S} s")


def _in_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _kept(target: str, data: bytes, error: BaseException, folder: Path, number: int) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target}-{number}"
    path.write_bytes(data)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno}), kept in {path}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000, help="all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--targets", nargs="*", default=sorted(TARGETS), choices=sorted(TARGETS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.replay:
        target, file = options.replay
        signal.signal(signal.SIGALRM, _hangs)
        with tempfile.TemporaryDirectory() as folder:
            print("read" if run_case(target, Path(file).read_bytes(), Path(folder)) else "refused")
        return 0
    each = -(-options.cases // len(options.targets))
    work = [(target, each, options.seed, options.failures) for target in options.targets]
    with multiprocessing.get_context("spawn").Pool(options.processes, maxtasksperchild=1) as pool:
        outcomes = pool.starmap(run_target, work, chunksize=1)
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        print(f"{'target':20} {'cases':>8} {'read':>8} {'a second':>8} {'slowest':>9} {'memory':>8}")
        for one in outcomes:
            speed = one.cases / max(one.seconds, 1e-9)
            print(
                f"{one.target:20} {one.cases:8} {one.taken:8} {speed:8.0f} {one.slowest_s:7.3f} s {one.grown_mb:5} MB"
            )
        print(f"{sum(one.cases for one in outcomes)} cases, {sum(len(one.failures) for one in outcomes)} failures")
    for one in outcomes:
        for failure in one.failures:
            print(f"{one.target}: {failure}", file=sys.stderr)
    return 1 if any(one.failures for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
