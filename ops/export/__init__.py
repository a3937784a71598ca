"""The way out of Portus: a deployed stack's registry, people and rights as plain documents that other registries take.

Reads Portus' database and the registry, changes nothing in either, and never reads a password or its hash. ``docs/operate/leaving.md`` is
the runbook.
"""
