"""Sample a trained model: `python sample.py [ckpt=...] [n=...] [sampler=sde|ode_backward|...]`.

The same as `interpolants sample ...`. `torchrun --nproc-per-node=2 sample.py ...` shares the work
between processes.
"""

from interpolants.cli.main import start

if __name__ == "__main__":
    start("sample")
