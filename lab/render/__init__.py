"""The plain YAML of a stack: what the program registers, seen by the engine, without a cluster and without secrets."""
