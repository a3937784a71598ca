"""Plays recordings of the genuine Portus against the contract double and shows every difference."""
