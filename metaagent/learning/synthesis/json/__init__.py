"""Learned programs for fields of JSON: rows of got and expected, candidates grown from them, decision lists."""
