"""``opq up``: everything on one machine."""
