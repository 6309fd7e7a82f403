"""Logger of MLflow."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from lightning.pytorch.loggers import MLFlowLogger as LightningLogger
from lightning.pytorch.utilities import rank_zero_only

_TAG = "interpolants.run_id"
_SQLITE = "sqlite:///"
_URI = "MLFLOW_TRACKING_URI"


@final
class MLFlowLogger(LightningLogger):
    """Lightning's logger, which continues the curves of a run, with its settings and figures.

    MLflow numbers runs itself; the run with our id is found by a tag. Beside a database in a file
    lies a folder `mlruns` with figures.

    Args:
        experiment: name of the experiment that the run belongs to.
        run_id: our id of the run, which it keeps when it is continued.
        uri: database or server, as of `mlflow.set_tracking_uri`.

    Raises:
        ModuleNotFoundError: if MLflow is not installed.
    """

    def __init__(self, *, experiment: str, run_id: str, uri: str) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read by the import
        importlib.import_module("mlflow")
        for name in ("mlflow", "alembic"):  # they report each step of making a database
            logging.getLogger(name).setLevel(logging.WARNING)
        folder = str(Path(uri.removeprefix(_SQLITE)).resolve().parent / "mlruns")
        artifacts = folder if uri.startswith(_SQLITE) else None
        tags = {_TAG: run_id}
        super().__init__(experiment, run_id, uri, tags, artifact_location=artifacts)

    @property
    def experiment(self) -> Any:
        """MLflow's client, after the run was found or made."""
        if not self._initialized and rank_zero_only.rank == 0:  # type: ignore[attr-defined]
            client, name = self._mlflow_client, self._experiment_name
            found = client.get_experiment_by_name(name)
            number = (
                found.experiment_id
                if found
                else client.create_experiment(name, self._artifact_location)
            )
            runs = client.search_runs([number], f"tags.`{_TAG}` = '{self._run_name}'")
            self._run_id = runs[0].info.run_id if runs else None
        before = os.environ.get(_URI)
        try:
            return super().experiment
        finally:  # MLflow sets it for processes that it starts; the next run in this one reads it
            os.environ.pop(_URI, None)
            if before is not None:
                os.environ[_URI] = before

    @rank_zero_only
    def log_hyperparams(  # type: ignore[override]
        self, params: Mapping[str, Any], *args: Any, **kwargs: Any
    ) -> None:
        """Log the configuration as a file, and its settings once: MLflow does not change them."""
        self.experiment.log_dict(self.run_id, dict(params), "config.yaml")
        if not self.experiment.get_run(self.run_id).data.params:
            super().log_hyperparams(dict(params))

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[str], step: int) -> None:
        """Log image files in the folder of one name."""
        for file in images:
            self.experiment.log_artifact(self.run_id, file, key)
