"""Log densities of the distributions that samplers draw from."""
