"""Lets the tests of this directory import their helpers: tests are no package (import mode ``importlib``)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    """The public recordings; a test that wants them is skipped where they are not."""
    if not SHARED.is_dir():
        pytest.skip(f"public recordings are not at {SHARED}: put them there to run this")
    return SHARED
