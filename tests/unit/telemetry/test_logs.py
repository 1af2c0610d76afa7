"""What cannot be logged is lost, and nothing else is."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys, structlog
from opq.telemetry.logs import configure_logs
configure_logs("test")
structlog.get_logger().info("said")
print("went on")
"""


def test_a_full_disk_under_the_log_does_not_end_the_program() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (0, "went on\n")


def test_a_line_goes_to_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert '"event": "said"' in done.stderr
