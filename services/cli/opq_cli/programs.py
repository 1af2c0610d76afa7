"""The programs of a site as processes: their modules and the words that start them."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from opq.errors import NotFound, check_option


@dataclass(frozen=True, slots=True)
class Program:
    """A program that runs as its own process."""

    module: str
    extra: str
    """The extra of the distribution that brings what it needs."""
    help: str


MAKAI_WORDS = ("watch", "state", "detectors", "reload")
"""What is said to a Makai that runs; any other line that begins with ``makai`` starts one."""

BOX_WORDS = {
    "run": "opq_box_agent",
    "launch": "opq_box_agent.updates.launcher",
    "update": "opq_box_agent.updates.command",
    "calibrate": "opq_box_agent.calibrate",
    "doctor": "opq_box_agent.doctor.command",
    "status": "opq_box_agent.status.command",
    "password": "opq_box_agent.status.password_command",
    "install-service": "opq_box_agent.service.install",
    "enrol": "opq_box_agent.enrolment",
}
"""What is said after ``opq box``, and the module that does it."""

PROGRAMS = {
    "box": Program(
        "opq_box_agent",
        "box",
        f"The agent of one box: opq box {', '.join(BOX_WORDS)}; each with --help.",
    ),
    "simulate": Program("opq_box_agent.fleet", "box", "Run all boxes of a simulated grid, or write it into files."),
    "ingest": Program("opq_ingest", "ingest", "Run an ingest process: sessions with boxes."),
    "makai": Program("opq_makai", "makai", "Run a Makai process: triggers and events."),
    "evaluate": Program("opq_makai.evaluation", "makai", "Judge Makai on a simulated grid with ground truth."),
    "hub": Program("opq_mauka.hub", "mauka", "Run the hub of Mauka: tasks and findings."),
    "worker": Program("opq_mauka.worker", "mauka", "Run a worker of Mauka: plugins."),
    "plugin": Program("opq_mauka.develop", "mauka", "List, begin and try plugins of Mauka."),
    "view": Program("opq_view", "view", "Run the web pages."),
}


def command_line(name: str, arguments: Sequence[str]) -> list[str]:
    """Make the command that starts a program with this interpreter.

    Raises
    ------
    NotFound
        If it is not installed, naming the extra to install.
    """
    program = PROGRAMS[name]
    if importlib.util.find_spec(program.module) is None:
        raise NotFound(f"{name} is not installed; install it with: pip install 'opq[{program.extra}]'")
    return [sys.executable, "-m", program.module, *arguments]


def exec_program(arguments: list[str]) -> None:
    """Become the program that the first words name; return if they name none."""
    words = arguments[:2] if arguments[:1] == ["box"] else arguments[:1]
    if words[:1] == ["box"]:
        check_option("opq box", words[1] if words[1:] else "nothing", BOX_WORDS)
        line = command_line("box", arguments[2:])
        line[2] = BOX_WORDS[words[1]]
    elif words and words[0] in PROGRAMS and not _is_said_to_makai(arguments):
        line = command_line(words[0], arguments[1:])
    else:
        return
    os.execv(line[0], line)


def _is_said_to_makai(arguments: list[str]) -> bool:
    return arguments[0] == "makai" and arguments[1:2] != [] and arguments[1] in MAKAI_WORDS
