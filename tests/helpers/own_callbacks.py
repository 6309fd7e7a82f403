"""Callbacks as users write them: one with a state, and some that no run can honour."""

import signal
from collections import defaultdict

import lightning.pytorch as pl


class Counter(pl.Callback):
    """Sums the steps at which Lightning batches and validations ended, and logs the sum."""

    def __init__(self, interrupt_at=None):
        self.interrupt_at, self.sums = interrupt_at, {"train": 0, "val": 0}

    def state_dict(self):
        return dict(self.sums)

    def load_state_dict(self, state_dict):
        self.sums = dict(state_dict)

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.sums["train"] += trainer.global_step
        pl_module.log("own/sum", float(self.sums["train"]), on_step=True)
        if trainer.global_step == self.interrupt_at:
            signal.raise_signal(signal.SIGINT)

    def on_validation_end(self, trainer, pl_module):
        self.sums["val"] += trainer.global_step


class Sparse(Counter):
    """Logs in the first Lightning batch alone, and is stopped after the second."""

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.sums["train"] += trainer.global_step
        if trainer.global_step == 2:
            pl_module.log("own/first", 1.0)
        if trainer.global_step == self.interrupt_at:
            signal.raise_signal(signal.SIGINT)


class Validating(Counter):
    """Counts validations that begin, and is stopped in one."""

    def on_train_batch_end(self, trainer, pl_module, *_):
        pass

    def on_validation_start(self, trainer, pl_module):
        self.sums["val"] += 1
        if trainer.global_step == self.interrupt_at:
            signal.raise_signal(signal.SIGINT)


class Raising(pl.Callback):
    def on_train_batch_end(self, trainer, pl_module, *_):
        if trainer.global_step == 4:
            raise OSError("planted")


class Late(pl.Callback):
    """Logs in a hook, on a level, which a run that continues could not repeat."""

    def __init__(self, hook, **level):
        setattr(self, hook, lambda trainer, module, *_: module.log("own/late", 1.0, **level))


class Unplain(pl.Callback):
    def state_dict(self):
        return {"seen": {1, 2}}


class Default(pl.Callback):
    """Its file would be written, and refused when it is read."""

    def state_dict(self):
        return defaultdict(int, seen=1)


class LateUnplain(pl.Callback):
    seen = ()

    def state_dict(self):
        return {"seen": self.seen}

    def on_train_start(self, trainer, pl_module):
        self.seen = {1, 2}


class Skipped(pl.Callback):
    def on_after_backward(self, trainer, pl_module):
        raise AssertionError


class Twin(Counter):
    state_key = Counter().state_key


class Keeping(pl.callbacks.ModelCheckpoint):
    pass
