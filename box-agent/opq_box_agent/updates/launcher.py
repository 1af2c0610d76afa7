"""``opq box launch``: start the agent, start it again when it ends or hangs, and put a new version into its place.

A new version is first tried beside the running one, on a simulated supply; only when it measures is the old one stopped
and the new one started on the real source. It must measure within the time given, reach the site if the old one had, and
stay alive through its probation; otherwise the old one runs again and the version is refused from then on.
"""

import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import structlog

from opq import ids
from opq.errors import InvalidInput
from opq.rpc.service import parse_settings
from opq.telemetry.logs import configure_logs
from opq_box_agent.notify import Notifier
from opq_box_agent.settings import BoxSettings
from opq_box_agent.updates.child import Child
from opq_box_agent.updates.slots import Slots

_LISTEN_S = 0.2
_HANGS_S = 60.0
"""An agent that gives no sign of life for this long is started again; it gives one every second."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_MAX_TRIES = 2
"""A new version may be met by one power cut; after a second one in its probation it is to blame."""
_WRONG_SETTINGS = 2


class Launcher:
    """Keeps one agent running.

    Parameters
    ----------
    arguments : list of str
        As for ``opq box run``; handed on as they are.
    """

    def __init__(self, arguments: list[str], slots: Slots, health_s: float, probation_s: float) -> None:
        self._arguments, self._slots = arguments, slots
        self._health_s, self._probation_s = health_s, probation_s
        self._log = structlog.get_logger()
        self._systemd = Notifier.from_environment()
        self._stopping = False
        self._pause_s = _FIRST_PAUSE_S
        self._healthy_s = 0.0
        """Since when a version on trial is healthy; 0: it is not."""

    def run(self) -> int:
        """Run until told to stop, or until the source has ended; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._resume_trial()
        child = self._start()
        self._systemd.ready()
        must_connect = False
        try:
            while not self._stopping:
                child.listen(_LISTEN_S)
                self._systemd.alive(child.connected)
                if problem := self._problem_on_trial(child, must_connect):
                    child.stop()
                    self._log.error(
                        "the new version is taken back", version=self._slots.refuse(problem), reason=problem
                    )
                    child = self._start()
                elif child.exit_code in (0, _WRONG_SETTINGS):
                    return child.exit_code
                elif self._is_down(child):
                    child = self._start_again(child)
                elif self._slots.state.pending and self._works_beside(child) and not self._stopping:
                    must_connect = child.connected
                    child.stop()
                    self._slots.begin_trial()
                    child = self._start()
        finally:
            child.stop()
        return 0

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stopping = True

    def _start(self) -> Child:
        slot, self._healthy_s = self._slots.current, 0.0
        self._log.info("starting the agent", version=self._slots.version(slot), slot=slot or "installed")
        return Child(self._arguments, self._slots.path(slot) if slot else None, os.environ)

    def _start_again(self, child: Child) -> Child:
        code = child.exit_code
        child.stop()
        if time.monotonic() - child.started_s > _LONGEST_PAUSE_S:
            self._pause_s = _FIRST_PAUSE_S
        self._log.error(
            "the agent ended" if code is not None else "the agent hangs", code=code, again_in_s=self._pause_s
        )
        until = time.monotonic() + self._pause_s
        while time.monotonic() < until and not self._stopping:
            self._systemd.alive(False)
            time.sleep(_LISTEN_S)
        self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        return self._start()

    def _is_down(self, child: Child) -> bool:
        return child.exit_code is not None or time.monotonic() - child.heard_s > _HANGS_S

    def _resume_trial(self) -> None:
        """Go on with a trial that a power cut broke off, or blame it on the new version."""
        state = self._slots.state
        if state.trial and self._slots.try_again() > _MAX_TRIES:
            reason = f"it ended with the whole box {_MAX_TRIES} times in its probation"
            self._log.error("the new version is taken back", version=self._slots.refuse(reason), reason=reason)

    def _works_beside(self, running: Child) -> bool:
        """Try the pending version on a simulated supply while the old one measures; refuse it if it does not measure."""
        slot = self._slots.state.pending
        version = self._slots.version(slot)
        self._log.info("trying a new version beside the running one", version=version)
        # Nothing that is set for the real box may reach this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPQ_")}
        with TemporaryDirectory(prefix="opq-trial-") as folder:
            options = [
                "--box-id",
                "trial",
                "--data-dir",
                folder,
                "--ring-s",
                "2",
                "--ingest",
                "127.0.0.1:9",
                "--page",
                "",
            ]
            trial = Child(options, self._slots.path(slot), environment)
            try:
                while trial.exit_code is None and not trial.ready and not self._is_late(trial) and not self._stopping:
                    trial.listen(_LISTEN_S)
                    running.listen(0)
                    self._systemd.alive(running.connected)
                reason = self._why_not_ready(trial)
            finally:
                trial.stop()
        if reason and not self._stopping:
            self._log.error("the new version is refused", version=self._slots.refuse(reason), reason=reason)
        return not reason

    def _problem_on_trial(self, child: Child, must_connect: bool) -> str:
        """Say what is wrong with a version on trial; confirm it when its probation is over."""
        if not self._slots.state.trial:
            return ""
        if child.exit_code is not None or self._is_late(child):
            if reason := self._why_not_ready(child):
                return reason
            if must_connect and not child.connected:
                return f"it did not reach the site within {self._health_s:g} s, and the version before had"
        if child.exit_code is not None:
            return f"it ended with code {child.exit_code} in its probation"
        if self._is_down(child):
            return "it hung in its probation"
        healthy = child.ready and (child.connected or not must_connect)
        now = time.monotonic()
        self._healthy_s = (self._healthy_s or now) if healthy else 0.0
        if healthy and now - self._healthy_s > self._probation_s:
            self._healthy_s = 0.0
            self._slots.confirm()
            self._log.info("the new version is confirmed", version=self._slots.version(self._slots.current))
        return ""

    def _is_late(self, child: Child) -> bool:
        return time.monotonic() - child.started_s > self._health_s

    def _why_not_ready(self, child: Child) -> str:
        child.listen(0)
        if child.ready:
            return ""
        if child.exit_code is not None:
            return f"it ended with code {child.exit_code} before it measured"
        return f"it did not measure within {self._health_s:g} s"


def updates_folder(data_dir: Path, box_id: str) -> Path:
    """Return where the versions of a box's agent are."""
    return data_dir / box_id / "updates"


def main() -> None:
    """Run with the same flags and environment as the agent itself."""
    settings = parse_settings(BoxSettings, "opq box launch", sys.argv[1:])
    configure_logs("launcher")
    try:
        slots = Slots(updates_folder(settings.data_dir, ids.box_id(settings.box_id)))
        launcher = Launcher(sys.argv[1:], slots, settings.update_health_s, settings.update_probation_s)
    except InvalidInput as error:
        print(f"opq box launch: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    raise SystemExit(launcher.run())


if __name__ == "__main__":
    main()
