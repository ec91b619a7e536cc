"""What brings an older database up, one file per step in `versions`; Alembic's environment in `env`."""
