"""Is everything here that work needs? One condition for each component, each failure with what to type."""
