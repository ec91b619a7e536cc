"""What comes back: for now a reader's wish to leave; later bounces, complaints and clicks."""
