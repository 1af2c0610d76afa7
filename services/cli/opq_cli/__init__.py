"""The `opq` command: starts programs as processes, reads and sets things in the store; imports no program."""
