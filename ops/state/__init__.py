"""A Pulumi state that is made again from the program and the live objects (docs/decisions.md#10-lost-state)."""
