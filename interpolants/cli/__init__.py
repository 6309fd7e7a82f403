"""The commands `interpolants train` and `interpolants sample`, which are Hydra applications.

Importing these modules loads neither torch, Lightning nor Hydra, so that `--help` and a misspelt
setting answer at once: what is heavy is imported where it is used.
"""
