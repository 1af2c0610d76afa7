"""The pages of a box as text; everything that is not ours is escaped. They work without scripts, which only keep them fresh."""

from collections.abc import Mapping
from html import escape

from opq.clock import iso
from opq.trust.passwords import MOST_CHARACTERS
from opq_box_agent.doctor.findings import Finding, State
from opq_box_agent.settings import BoxSettings
from opq_box_agent.status.snapshot import Live, Status

_SAID = {State.GOOD: "all right", State.WARNING: "look at it", State.FAILURE: "does not work"}


def status_page(status: Status, signed_in: bool) -> str:
    """Show what a box does."""
    rows = "".join(map(_row, status.findings))
    where = '<a href="/settings">Settings</a>' if signed_in else '<a href="/sign-in">Sign in to change settings</a>'
    return _frame(
        f"Box {status.box_id}",
        f"""<div id="live">
{_values(status.live)}
<p class="about">Declared {status.u_din_v:g} V, {status.f_nominal_hz:g} Hz. Version {escape(status.version)},
{status.memory_bytes / 2**20:.0f} MB of memory. As of <time datetime="{iso(status.unix_ns)}">{iso(status.unix_ns)}</time>.</p>
<table><caption>State</caption>
<thead><tr><th scope="col">What</th><th scope="col">How it is</th><th scope="col">Found</th></tr></thead>
<tbody>{rows}</tbody></table>
</div>
<nav>{where} <a href="/status.json">As JSON</a></nav>
<script src="/page.js"></script>""",
    )


def sign_in_page(problem: str, has_password: bool) -> str:
    """Ask for the password."""
    if not has_password:
        return _frame(
            "Sign in", "<p>This box has no password. Set one at the box: <code>opq box password --box-id ID</code></p>"
        )
    return _frame(
        "Sign in",
        f"""{_problem(problem)}<form method="post" action="/sign-in">
<label for="password">Password of this box</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="{MOST_CHARACTERS}" required
 autofocus><button>Sign in</button></form>""",
    )


def settings_page(values: Mapping[str, str], csrf: str, problem: str) -> str:
    """Show what can be set at the box."""
    fields = "".join(_field(name, text) for name, text in values.items())
    return _frame(
        "Settings",
        f"""{_problem(problem)}<form method="post" action="/settings">{_token(csrf)}{fields}
<p>They go before the options that the box was started with. The box begins anew with them: a second without samples.</p>
<button>Save</button></form>
<form method="post" action="/sign-out">{_token(csrf)}<button class="quiet">Sign out</button></form>
<nav><a href="/">Back</a></nav>""",
    )


def refusal_page(reason: str) -> str:
    """Say why not."""
    return _frame("Not possible", f"<p>{escape(reason)}</p>")


def _values(live: Live | None) -> str:
    if live is None:
        return '<p class="about">Nothing was measured yet.</p>'
    shown = (
        ("Voltage", f"{live.u_rms_v:.1f}", "V"),
        ("Frequency", f"{live.f_hz:.3f}", "Hz"),
        ("Distortion (THD)", f"{live.thd_pct:.1f}", "%"),
    )
    items = "".join(f"<div><dt>{name}</dt><dd>{value} <small>{unit}</small></dd></div>" for name, value, unit in shown)
    return f'<dl class="values">{items}</dl>'


def _row(finding: Finding) -> str:
    advice = f'<br><span class="advice">{escape(finding.advice)}</span>' if finding.advice else ""
    return (
        f'<tr class="{finding.state.value}"><th scope="row">{escape(finding.what)}</th>'
        f"<td>{_SAID[finding.state]}</td><td>{escape(finding.text)}{advice}</td></tr>"
    )


def _field(name: str, text: str) -> str:
    about = BoxSettings.model_fields[name].description or name
    return (
        f'<label for="{name}">{escape(about[0].upper() + about[1:])}</label>'
        f'<input id="{name}" name="{name}" value="{escape(text)}" maxlength="200" required>'
    )


def _token(csrf: str) -> str:
    return f'<input type="hidden" name="csrf" value="{escape(csrf)}">'


def _problem(text: str) -> str:
    return f'<p role="alert" class="problem">{escape(text)}</p>' if text else ""


def _frame(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{escape(title)} - Open Power Quality</title>
<link rel="stylesheet" href="/page.css"><link rel="icon" href="data:,"></head>
<body><header>Open Power Quality</header><main><h1>{escape(title)}</h1>{body}</main></body></html>
"""
