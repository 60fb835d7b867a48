"""Fixers of JSON: repair, notes, and the learned program over fields. ``json.NAME`` is NAME here."""
