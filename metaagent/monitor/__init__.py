"""Reports of how well the work and the learning go, for people."""
