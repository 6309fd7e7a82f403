"""End of a run that no longer improves."""

from __future__ import annotations

from typing import Any, Literal, final

from lightning.pytorch import callbacks
from torch import Tensor

from interpolants.utils.checks import check, check_count


@final
class EarlyStopping(callbacks.EarlyStopping):
    """Lightning's callback, counted in validations of a run, with a reason in one sentence.

    A run that continues keeps its count and best value, while the settings are those of now.

    Args:
        monitor: value that is logged in every validation.
        patience: validations without an improvement, after which training ends.
        min_delta: least change that is an improvement.
        mode: "min", or "max" for a value that is better the larger it is.

    Raises:
        ValueError: if `patience` is no whole number > 0.
    """

    def __init__(
        self,
        *,
        monitor: str = "val/loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check_count("EarlyStopping.patience", patience)
        check(mode in ("min", "max"), "EarlyStopping.mode", "min or max", mode)
        super().__init__(
            monitor=monitor,
            patience=patience,
            min_delta=min_delta,
            mode=mode,
            check_on_train_epoch_end=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the count of a run, with the patience of now."""
        super().load_state_dict(state_dict | {"patience": self.patience})

    def _evaluate_stopping_criteria(self, current: Tensor) -> tuple[bool, str | None]:
        stops, reason = super()._evaluate_stopping_criteria(current)
        if stops and current.isfinite():
            best = f"its best is {float(self.best_score):.5g}"
            count = f"{self.wait_count} validation{'s' if self.wait_count > 1 else ''}"
            reason = f"{self.monitor} has not improved in {count}; {best}"
        return stops, reason
