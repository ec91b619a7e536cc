"""Who may be written to: address → subscriber → subscription with consent, minus suppressions; importing from CSV."""
