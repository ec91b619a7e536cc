"""What comes back: a reader's wish to leave, bounces, complaints; later clicks."""
