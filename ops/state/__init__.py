"""A Pulumi state that is made again from the program and the live objects (docs/decisions/0010-lost-state.md)."""
