"""The learning loop: errors, patterns, insights, remedies, trials, the gate. Models reach it as arguments."""
