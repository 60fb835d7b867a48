"""The learning loop: errors, patterns, insights, remedies, trials, the gate. It reads the ledger; models reach it as arguments."""
