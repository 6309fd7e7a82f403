"""How samples are written into files."""
