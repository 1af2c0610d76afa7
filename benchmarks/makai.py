"""Makai on simulated grids with ground truth: whole days, several seeds; writes `docs/evaluation.md`.

The same as `opq evaluate makai` for the three presets, in as many processes as there are cores.
"""

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.progress import Progress

from opq.analysis.heap import keep_freed_memory
from opq_makai.evaluation.report import Run, run, summary, table

_DAYS = {"city": (1, 2), "neighbourhood": (1, 2, 3), "campus": (1, 2, 3, 4, 5)}
"""Presets and seeds, the longest first."""
_INTRO = Path(__file__).with_name("makai_intro.md")


def _run(scenario: str, seed: int, hours: float) -> Run:
    keep_freed_memory()
    return run(scenario, seed, hours)


def main() -> None:
    """Run all, print the table, write the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=Path("docs/evaluation.md"))
    parser.add_argument("--json", type=Path, help="write all numbers here")
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    done: dict[str, list[Run]] = {name: [] for name in _DAYS}
    with ProcessPoolExecutor(options.jobs) as pool, Progress() as progress:
        task = progress.add_task("days", total=sum(len(seeds) for seeds in _DAYS.values()))
        waiting = [
            (name, pool.submit(_run, name, seed, options.hours)) for name, seeds in _DAYS.items() for seed in seeds
        ]
        for _, future in waiting:
            future.add_done_callback(lambda _: progress.advance(task))
        for name, future in waiting:
            done[name].append(future.result())
    results = [summary(runs) for runs in reversed(done.values())]
    text = table(results)
    print(text)
    for each in results:
        for kind in ("missed", "false"):
            for what in each[kind]:
                print(f"{each['scenario']}: {kind}: {what}")
    options.output.write_text(_INTRO.read_text() + "\n" + text + "\n")
    if options.json:
        options.json.write_text(json.dumps({"evaluations": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
