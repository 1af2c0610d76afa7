"""A worker: runs plugins on what the hub hands out, and knows nothing else."""
