"""The board: WORKING.md, edited by a person and rewritten by the tool without losing a line."""
