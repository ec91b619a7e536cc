"""Checks of a compiled edition: each a small function Edition → problems."""
