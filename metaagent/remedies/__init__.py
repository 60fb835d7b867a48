"""What a protocol does to an attempt: applied by the orchestrator, proposed by learning. Pure: no ledger, no model."""
