"""What every component uses: the base component, names, labels, pod hardening, versions. Imports no sibling."""
