"""The ledger: append-mostly SQLite history of all that happened."""
