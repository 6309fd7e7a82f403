"""Callbacks as users write them: one with a state, and some that no run can honour."""

import signal

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


class Unplain(pl.Callback):
    def state_dict(self):
        return {"seen": {1, 2}}


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
