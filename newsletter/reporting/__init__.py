"""Outcomes: the counts of a delivery, reconciled with its rows; who got no message and why."""
