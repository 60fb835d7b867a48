"""The ledger: append-mostly SQLite history. ``database`` opens it; then one query module per noun."""
