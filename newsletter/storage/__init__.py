"""Where it is kept: one file per thing kept, SQLAlchemy's only door.

`engine` opens the database and holds everything in which SQLite and PostgreSQL differ, `tables` names every column,
`migrations` brings an older database up; the others implement what the stages ask for.
"""
