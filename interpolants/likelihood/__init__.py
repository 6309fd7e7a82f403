"""Log densities of the laws that samplers draw from."""
