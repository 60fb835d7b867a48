"""What happens when: plan, claim, attempt, check, record, move."""
