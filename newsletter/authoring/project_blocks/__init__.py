"""Block types of a project: `templates/blocks/<type>.mjml.j2` and, beside it, `<type>.schema.yaml` → entry and noun.

What is made here is of the same kinds as the types in `blocks`, so that everything after it treats both alike.
"""
