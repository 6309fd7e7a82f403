"""The CSV logger: appends over restarts, and truncates when a run is resumed."""

import pytest
import torch

from interpolants.training.csv_logger import AppendingCSVLogger


def test_csv_appends_over_restarts_with_new_columns_and_exact_numbers(tmp_path):
    logger = AppendingCSVLogger(tmp_path)
    logger.log_metrics({"b": 0.1 + 0.2}, step=1)
    logger.log_metrics({"a": torch.tensor(1.5), "b": 3}, step=2)
    logger.finalize("success")
    again = AppendingCSVLogger(tmp_path)
    again.log_metrics({"c": float("nan")}, step=3)
    again.save()
    text = logger.path.read_text()
    assert text == "step,b,a,c\n1,0.30000000000000004,,\n2,3,1.5,\n3,,,nan\n"


def test_csv_truncation_drops_later_rows_and_a_torn_line(tmp_path):
    logger = AppendingCSVLogger(tmp_path)
    for step in (1, 2, 3):
        logger.log_metrics({"a": step / 4, "b": -step}, step=step)
    logger.finalize("failed")
    with open(logger.path, "a") as file:
        file.write("4,0.7")
    logger.log_metrics({"a": 1.25}, step=5)
    logger.truncate_after(2)
    logger.log_metrics({"a": 9.0}, step=3)
    logger.save()
    assert logger.path.read_text() == "step,a,b\n1,0.25,-1\n2,0.5,-2\n3,9.0,\n"
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_csv_refuses_a_foreign_file_and_leaves_it_alone(tmp_path):
    (tmp_path / "metrics.csv").write_text("name,value\nx,1\n")
    with pytest.raises(ValueError, match=r"metrics\.csv: expected a file of metrics by step"):
        AppendingCSVLogger(tmp_path).log_metrics({"a": 1.0}, step=1)
    assert (tmp_path / "metrics.csv").read_text() == "name,value\nx,1\n"


@pytest.mark.parametrize(
    "content", [b"step,a\n1,2\nx!,3\n", b"step,a\n1,2\n\xff\xfe\n", b"step,a\n1\n"]
)
def test_csv_names_the_file_and_the_line_of_garbage_and_leaves_it_alone(content, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{path}: expected a file of metrics by step, got .*;"):
        AppendingCSVLogger(tmp_path).truncate_after(1)
    assert path.read_bytes() == content


def test_csv_that_was_deleted_or_replaced_is_written_again_whole(tmp_path):
    logger = AppendingCSVLogger(tmp_path / "run")
    logger.log_metrics({"a": 1.5}, step=1)
    for change in (logger.path.unlink, lambda: logger.path.rename(tmp_path / "away")):
        change()
        logger.save()
        assert logger.path.read_text() == "step,a\n1,1.5\n"
    logger.path.unlink()
    logger.log_metrics({"b": 2.5}, step=2)
    logger.save()
    assert logger.path.read_text() == "step,a,b\n1,1.5,\n2,,2.5\n"
