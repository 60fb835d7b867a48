"""Code that a model wrote runs here and nowhere else: one Protocol, backends by strength, and probes that prove it."""
