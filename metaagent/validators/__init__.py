"""Checks: an artifact in, a verdict out."""
