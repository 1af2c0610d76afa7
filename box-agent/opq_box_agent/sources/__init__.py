"""Where samples come from: a simulated supply, a recording, an OPQ Box."""
