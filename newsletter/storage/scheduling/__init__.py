"""What the scheduler keeps: times of schedules that came, and what an operator was told."""
