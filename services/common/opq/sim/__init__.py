"""A simulated neighbourhood with ground truth: what happened, at which boxes, when, and what it must be called."""
