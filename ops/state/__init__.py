"""A Pulumi state that is made again from the program and the live objects (docs/decisions/README.md#10-lost-state)."""
