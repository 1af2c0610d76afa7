"""Detectors say of each window whether it left its limits or its habit; they know no events and no other boxes."""
