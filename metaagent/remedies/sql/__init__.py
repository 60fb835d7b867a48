"""Fixers of SQL: what a learned view may say, and how a statement is brought to say it. ``sql.NAME`` is NAME.py."""
