"""The plain pages: one template, filled and escaped, with nothing in it that runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import DictLoader, Environment
from starlette.responses import HTMLResponse

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{{ title }} - Open Power Quality</title>
<style>
:root { color-scheme: light dark; --ink: light-dark(#31333f, #fafafa); --page: light-dark(#fff, #0e1117);
  --field: light-dark(#f0f2f6, #262730); --blue: light-dark(#17699e, #6cb8ea); --on-blue: light-dark(#fff, #0e1117);
  --red: light-dark(#a3221c, #ff9d97); }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 "Source Sans", system-ui, sans-serif; }
main { max-width: 24rem; margin: 12vh auto 2rem; padding: 0 1.25rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: .6rem .75rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid transparent; border-radius: .5rem; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--blue); outline-offset: 1px; }
button { margin: 1.5rem 0 0; width: 100%; padding: .65rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-blue); background: var(--blue); border: 0; border-radius: .5rem; }
a { color: var(--blue); } .problem { color: var(--red); font-weight: 600; } nav { margin-top: 1.5rem; }
nav a { margin-right: 1.25rem; }
</style></head><body><main>
<h1>{{ title }}</h1>
{% if problem %}<p class="problem" role="alert">{{ problem }}</p>{% endif %}
{% if text %}<p>{{ text }}</p>{% endif %}
{% if button %}<form method="post" action="{{ action }}">
{% for field in fields %}
{% if field.label %}<label for="{{ field.name }}">{{ field.label }}</label>{% endif %}
<input id="{{ field.name }}" name="{{ field.name }}" type="{{ field.kind }}" value="{{ field.value }}"
 autocomplete="{{ field.complete }}" {% if field.label %}required{% endif %} {% if loop.first %}autofocus{% endif %}>
{% endfor %}
<button>{{ button }}</button></form>{% endif %}
<nav>{% for address, words in links %}<a href="{{ address }}">{{ words }}</a>{% endfor %}</nav>
</main></body></html>
"""
_TEMPLATE = Environment(loader=DictLoader({"page": _PAGE}), autoescape=True, trim_blocks=True).get_template("page")


@dataclass(frozen=True, slots=True)
class Field:
    """An input; one without a label is not seen."""

    name: str
    label: str = ""
    kind: str = "hidden"
    complete: str = "off"
    value: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A page with a form; one without a button only tells something."""

    title: str
    action: str = ""
    button: str = ""
    fields: Sequence[Field] = ()
    text: str = ""
    links: Sequence[tuple[str, str]] = ()


def form_page(form: Form, problem: str = "", status: int = 200) -> HTMLResponse:
    """Make the page, with what was wrong before."""
    html = _TEMPLATE.render(
        title=form.title,
        action=form.action,
        button=form.button,
        fields=form.fields,
        text=form.text,
        links=form.links,
        problem=problem,
    )
    return HTMLResponse(html, status, _HEADERS)
