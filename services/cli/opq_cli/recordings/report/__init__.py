"""The analysis of recordings as one HTML file that needs nothing else: for a screen, a phone or paper."""

from opq_cli.recordings.report.page import write_report

__all__ = ["write_report"]
