"""Learned views of SQL: steps from schema and data, references and meanings, a greedy search that replays."""
