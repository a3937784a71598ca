"""Portus' users, as an operator changes them."""
