"""A stack's cluster: its Pods, Jobs and errors."""
