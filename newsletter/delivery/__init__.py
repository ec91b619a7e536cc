"""Edition + recipient → Message + Envelope → relay → Outcome, under a ledger.

`delivery` is the noun and its states; `ledger/` the rules: who gets what, what an outcome means, what it changes;
`compose/` makes the bytes, `transports/` hand them over, and `sender/` runs it all.
"""
