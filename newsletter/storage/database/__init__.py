"""The database itself: opened, migrated, its tables, its properties, leases."""
