"""What a field is: `values` says it once, in its type; `shape` reads it for files, `rewrite` for nouns.

`explain` tells an author what the type of a field refuses.
"""
