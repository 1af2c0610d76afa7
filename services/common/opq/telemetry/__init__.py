"""Logs, and later metrics and traces: what a program tells of itself."""
