"""What is written: issue.yaml and its translations → Issue.

`schema` (made of `values`) says what the YAML may say and `explain` says it to the author when it does not; `people`,
`persona` and `image` read what lies beside; `translation` merges trees, `proofread` looks at every text where it was
written, `assemble` makes the nouns of `issue`, and `load` does all of it in order. `check` holds the editorial rules.
"""
