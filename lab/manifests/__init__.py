"""Lints the rendered manifests of every stack: with tools of the field, with rules of our own, against a list of waivers."""
