"""A policy pack of Pulumi: what no review of a stack may let pass. `invariants` has the rules, ``__main__`` hands them to Pulumi."""
