"""How it leaves: Edition + recipient → Message + Envelope → relay → Outcome, under a ledger.

`delivery` is the noun and its states, `plan` decides who gets what, `ledger` is the one truth about what was sent,
`message` and `envelope` are what travels, `transport` hands it over, `outcome` is the answer, `retry` what to do with
it, and `send` is the one loop that joins them.
"""
