"""What the agent keeps on its disk: spool, ring buffer, calibration, versions, certificate."""

from pathlib import Path

from opq.clock import DAY_NS, iso
from opq.errors import OpqError
from opq.rpc.tls import is_loopback
from opq.trust.material import TlsFiles, load_material
from opq_box_agent.calibration import load_calibrations, phrase
from opq_box_agent.doctor.findings import Finding, failure, good, warning
from opq_box_agent.ring import inspect_ring
from opq_box_agent.spool import inspect_spool
from opq_box_agent.updates.slots import Slots

_MANY_FRAMES = 3600
_OLD_NS = 2 * 365 * DAY_NS
_SOON_LEFT = 0.2
"""Of its life; a box renews at a third."""


def look_at_spool(folder: Path) -> Finding:
    """Whether what waits to be sent reads, and how much it is."""
    try:
        state = inspect_spool(folder / "spool")
    except OSError as error:
        return failure(
            "spool", f"it does not read: {error.strerror}", "replace the card; what was acknowledged is safe"
        )
    text = f"{state.frames} frames wait, {state.bytes / 1e6:.1f} MB"
    if state.torn:
        return warning(
            "spool", f"{text}; {state.torn} places do not check out", "none, after a power cut; else test the card"
        )
    if state.frames > _MANY_FRAMES:
        return warning(
            "spool", f"{text}: more than an hour was not taken by the site", "see to the network and the site"
        )
    return good("spool", text)


def look_at_ring(folder: Path) -> Finding:
    """Whether the raw samples read."""
    path = folder / "ring.dat"
    try:
        state = inspect_ring(path)
    except FileNotFoundError:
        return good("ring buffer", "it is not there yet; the agent makes it at its first start")
    except (OSError, OpqError) as error:
        return failure(
            "ring buffer", f"it does not read: {error}", f"stop the agent, remove {path}, and start it again"
        )
    text = f"{state.held} of {state.slots} slots hold samples"
    # The slot that is being written right now may look torn.
    if state.torn > 1:
        return warning(
            "ring buffer", f"{text}; {state.torn} do not check out", "none, after a power cut; else test the card"
        )
    return good("ring buffer", text)


def look_at_calibration(folder: Path, source: str, given: float | None, unix_ns: int) -> Finding:
    """Whether it is known what a count is in volts, and since when."""
    advice = "calibrate it: opq box calibrate"
    try:
        known = load_calibrations(folder)
    except OpqError as error:
        return failure("calibration", str(error), advice)
    if given is not None and source == "opqbox":
        return warning("calibration", f"{given:.7g} V per count by option; nobody knows where that is from", advice)
    if not known:
        if source == "opqbox":
            return failure("calibration", "there is none", advice)
        return good("calibration", f"the source {source} has its own")
    if unix_ns - known[-1].unix_ns > _OLD_NS:
        return warning("calibration", f"more than two years old: {phrase(known[-1])}", advice)
    return good("calibration", phrase(known[-1]))


def look_at_version(slots: Slots) -> Finding:
    """Which version runs, and what became of updates."""
    state = slots.state
    text = f"{slots.version(slots.current)}{'' if slots.current else ', as it was installed'}"
    if slots.damaged:
        return failure(
            "version", f"{text}, for the update in {slots.path(slots.damaged)} does not read", "install it again"
        )
    if state.trial:
        text += ", on trial"
    if state.refused:
        version, reason = list(state.refused.items())[-1]
        return warning("version", f"{text}; {version} was refused: {reason}", "tell whoever made that update")
    return good("version", text)


def look_at_certificate(files: TlsFiles | None, enrols: bool, ingest: str, unix_ns: int) -> Finding:
    """Whether the box can show who it is."""
    advice = "enrol it: opq boxes enrol at the site, then opq box enrol --token ... here"
    if files is None or not files.certificate.exists():
        if enrols:
            return good("certificate", "there is none yet; it is got with the token at the first start")
        if is_loopback(ingest):
            return good("certificate", "none is needed on loopback")
        return failure("certificate", f"there is none, and {ingest} is not on loopback", advice)
    try:
        info = load_material(files).info
    except (OSError, OpqError) as error:
        return failure("certificate", str(error), advice)
    if expiry := info.expiry(unix_ns):
        return failure("certificate", expiry, f"see to the clock; if that is right, {advice}")
    text = f"of {info.identity}, until {iso(info.not_after_unix_ns)}"
    if info.not_after_unix_ns - unix_ns < _SOON_LEFT * (info.not_after_unix_ns - info.not_before_unix_ns):
        return warning(
            "certificate", text, "it should have been renewed by now; see whether the site signs (opq ca status)"
        )
    return good("certificate", text)
