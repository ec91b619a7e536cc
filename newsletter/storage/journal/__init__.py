"""What outlives the database: opt-outs and receipts, in files, and their way back into a database that lacks them."""
