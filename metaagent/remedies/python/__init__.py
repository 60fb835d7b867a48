"""Fixers of Python: imports, names, indentation, and learned rewrites. ``python.NAME`` is NAME.py."""
