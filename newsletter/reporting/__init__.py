"""What it amounted to: counts of a delivery, reconciled with its rows; who was not mailed and why."""
