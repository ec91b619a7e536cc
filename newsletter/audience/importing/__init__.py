"""A file of subscribers, row by row, and what becomes of each row."""
