"""The database itself: opened, migrated, its tables, what it knows of itself, leases."""
