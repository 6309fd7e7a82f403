"""Train a model: `python train.py [experiment=...] [group=option] [key=value] [-m]`.

The same as `interpolants train ...`.
"""

from interpolants.cli.main import start

if __name__ == "__main__":
    start("train")
