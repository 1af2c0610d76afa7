"""Where people say how detectors are to work, and where Makai says what became of it; names that programs share."""

GROUP = "opq.makai.detectors"
"""Entry points of installed detectors."""
DETECTORS_KEY = "makai/detectors"
"""Settings document: by detector ``enabled`` and the fields of its configuration; what is not there is as it comes."""
RELOAD_KEY = "makai/reload"
"""Settings document: ``unix_ns``, when somebody asked for detectors to be loaded anew."""
STATUS_PREFIX = "makai/status/"
"""Checkpoints, one per Makai process: ``unix_ns``, ``problem`` (empty if accepted), ``in_force`` (configuration as it
is), ``reload_unix_ns`` (the request it answers), ``reload_problem``, ``reloaded`` (modules)."""
