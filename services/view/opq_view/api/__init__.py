"""What the pages show, for programs: JSON over HTTP, read with an API token, never more than its user may see."""
