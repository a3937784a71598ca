"""What every component stands on: the base component, names, labels, pod hardening, versions. Imports no sibling."""
