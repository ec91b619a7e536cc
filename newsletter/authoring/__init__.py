"""What is written: issue.yaml and its translations → Issue.

`fields` says what a value is, `blocks` and `schema` what the YAML may say; `contributors`, `persona` and `image` read
what lies beside. `load` goes the whole way: `translation` merges trees, `proofread` looks at every text where it was
written, `assemble` makes the nouns of `issue`. `check` holds the editorial rules.
"""
