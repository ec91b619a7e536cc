"""What it amounted to: counts of a delivery, the equation that must hold, who was left out and why."""
