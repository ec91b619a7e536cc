"""Checks before a delivery: sender identity and headers."""
