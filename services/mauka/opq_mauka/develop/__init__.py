"""For those who write plugins: a template to begin with, and a harness that runs a plugin without a site."""
