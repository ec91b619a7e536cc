"""The database and all that is stored in it; the only rooms that know SQLAlchemy.

`database` opens and migrates it and names every column; `audience`, `ledger` and `journal` read and write it.
"""
