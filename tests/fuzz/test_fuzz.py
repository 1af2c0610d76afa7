"""A short run of the fuzzer over all targets; the long one is by command (docs/testing.md)."""

import json
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_damaged_messages_and_files_are_read_or_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(RUN), "--cases", "6000", "--processes", "1", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert sum(one["cases"] for one in outcomes) >= 6000
    assert all(one["failures"] == [] for one in outcomes)
    assert sum(one["taken"] for one in outcomes) > 500, "damage that leaves nothing readable tests only the first check"


def test_a_finding_is_kept_and_told(tmp_path: Path) -> None:
    """A check that cannot fail would be none: here a target fails, hangs, and is told."""
    broken = tmp_path / "broken.py"
    broken.write_text(
        f"import sys, time\nsys.path.insert(0, {str(RUN.parent)!r})\nimport run, targets\n"
        "def take(data, folder):\n"
        "    if data != b'right':\n"
        "        run.CASE_S = 0.2\n"
        "        time.sleep(9) if len(data) % 2 else 1 / 0\n"
        "targets.TARGETS['broken'] = targets.Target(lambda: [b'right'], take)\n"
        "from pathlib import Path\n"
        "outcome = run.run_target('broken', 200, 1, Path('kept'))\n"
        "print('\\n'.join(outcome.failures))\n"
    )
    done = subprocess.run(
        [sys.executable, str(broken)], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    assert "ZeroDivisionError" in done.stdout
    assert len(list((tmp_path / "kept").iterdir())) == 5
