"""Ingest: holds the sessions of boxes, checks and stores what they send, and carries requests down to them."""
