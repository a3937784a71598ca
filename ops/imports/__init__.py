"""A dump of a Portus that this program did not deploy, made a backup of a stack."""
