"""Output formats of samples."""
