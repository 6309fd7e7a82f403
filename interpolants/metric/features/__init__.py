"""Features in which sets of samples are compared."""
