"""Asking a model: three backends behind one Protocol, and the gateway in front of them."""
