"""Fixers of any text. ``text.NAME`` is NAME.py."""
