"""The rules of the ledger, pure: states, who gets what, what to do after an attempt, what a settlement changes."""
