"""Signed updates of a box's agent: what a file of one is, how it is made and how it is checked. Knows no box and no transport."""
