"""How blocks of steps are run: the same kernels eagerly, compiled, captured or recomputed."""
