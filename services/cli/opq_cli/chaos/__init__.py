"""``opq chaos``: a whole site under random faults, and whether its books are right afterwards."""
