"""What is written: issue.yaml and its translations → Issue.

`schema` says what the YAML may say, `load` reads it with places, `issue` holds the nouns, `check` the editorial rules.
"""
