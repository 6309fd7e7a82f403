"""Feature maps in which samples are compared."""
