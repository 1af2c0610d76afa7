"""What a look at a box found."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How good it is."""

    GOOD = "good"
    WARNING = "warning"
    """It works; somebody should see to it."""
    FAILURE = "failure"
    """It does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    text: str
    """What was found, in a sentence."""
    advice: str = ""
    """What to do; empty if nothing."""


def phrase_finding(finding: Finding) -> str:
    """Say a finding in a line."""
    mark = "good   " if finding.state is State.GOOD else finding.state.name
    return f"{mark} {finding.what}: {finding.text}{f'. Do: {finding.advice}' if finding.advice else ''}"


def good(what: str, text: str) -> Finding:
    """Make a finding that is as it should be."""
    return Finding(what, State.GOOD, text)


def warning(what: str, text: str, advice: str) -> Finding:
    """Make a finding that somebody should see to."""
    return Finding(what, State.WARNING, text, advice)


def failure(what: str, text: str, advice: str) -> Finding:
    """Make a finding that keeps the box from working."""
    return Finding(what, State.FAILURE, text, advice)
