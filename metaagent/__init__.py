"""metaagent: local LLM agents on tasks with real validators, and a ledger of every error."""

__version__ = "0.1.0"
