"""What is written: issue.yaml and its translations → Issue.

`schema` says what the YAML may say, `blocks` what each block in it may (both of `values`), and `explain` says it to
the author when it does not; `people`, `persona` and `image` read what lies beside; `translation` merges trees,
`proofread` looks at every text where it was written, `assemble` makes the nouns of `issue`, and `load` does all of it
in order. `check` holds the editorial rules.
"""
