"""The export from Portus: a deployed stack's users, rights and images as plain documents that other registries read.

Reads Portus' database and the registry, changes nothing in either, and never reads a password or its hash. ``docs/operate/leaving.md`` is
the runbook.
"""
