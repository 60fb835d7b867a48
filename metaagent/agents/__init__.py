"""Who does the work: roles as data, prompts rendered from values, selection as a pure score."""
