"""Tasks: their specifications, sets, tables and intake, what prompts are made from, dependencies."""
