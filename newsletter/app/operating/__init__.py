"""Use cases of operating: new project, database, backup and restore, doctor."""
