"""Learned rewrites of Python: a house's words, rules with triggers, a search that replays in the sandbox."""
