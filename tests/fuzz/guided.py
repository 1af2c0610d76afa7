"""``python tests/fuzz/guided.py TARGET [options of libFuzzer]``: damage guided by which code it reaches (atheris).

For example ``python tests/fuzz/guided.py pqdif -max_total_time=600``. Needs ``pip install atheris``; what crashes is kept as
``crash-...`` and runs again with ``python tests/fuzz/run.py --replay TARGET FILE``.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
with atheris.instrument_imports(include=["opq", "opq_box_agent", "opq_cli"]):
    from targets import OURS, TARGETS


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"expected a target, one of {', '.join(TARGETS)}")
    target = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name) / "corpus"
        corpus.mkdir()
        for number, sample in enumerate(target.samples()):
            (corpus / str(number)).write_bytes(sample)

        def one(data: bytes) -> None:
            with tempfile.TemporaryDirectory(dir=name) as work:
                try:
                    target.take(data, Path(work))
                except OURS:
                    return

        atheris.Setup([sys.argv[0], *sys.argv[2:], str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
