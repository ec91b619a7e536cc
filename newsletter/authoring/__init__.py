"""What is written: issue.yaml and its translations → Issue.

`fields` defines single values, `blocks` and `schema` the YAML; `contributors`, `persona` and `image` read the files
beside it. `load` does it all: `translation` merges trees, `proofread` checks every text where it was written,
`assemble` makes the nouns of `issue`. `check` holds the editorial rules.
"""
