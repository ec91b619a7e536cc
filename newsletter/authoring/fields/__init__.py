"""What a field is: `values` defines it once, as a type; `shape` reads the types for files, `rewrite` for nouns.

`explain` makes problems of what the types refuse.
"""
