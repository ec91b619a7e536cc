"""What notices and repairs an older copy of the database."""
