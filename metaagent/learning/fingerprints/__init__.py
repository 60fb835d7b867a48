"""Fingerprints: what other tools and our own validators report: read, masked, signed, grouped. Pure but for ingest."""
