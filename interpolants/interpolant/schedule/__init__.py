"""Functions of a path's own clock, with their integrals."""
