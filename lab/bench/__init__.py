"""How much of a ``pulumi preview`` and of a no-op ``pulumi up`` is this program's own: compared with a floor of literals.

What the floor includes: the same engine, plugins and Python; the Pulumi SDK and the provider SDKs' classes; the same resources with the
same types, names, parents, inputs, secret marks, protection and dependencies; the same stack outputs.
What it does not include: reading and checking settings, components (a component is registered as a bare ``ComponentResource``), and values
that come from other resources: they are literals in it, with a dependency in their place.

Everything runs on a cluster of its own beside the lab, so that neither a running lab nor its data is touched; it goes when the bench ends.
"""
