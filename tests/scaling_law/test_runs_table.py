import numpy as np
import pytest

from baselines.scaling_law.runs_table import read_runs


def write(tmp_path, text):
    path = tmp_path / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_good_rows_are_read_and_tokens_follow_from_compute(tmp_path):
    path = write(tmp_path, "size,flop,loss\n10,600,3.0\n20,2400,2.5\n")
    table = read_runs(path, "size", None, "flop", "loss")
    assert table.tokens == pytest.approx([10.0, 20.0])
    assert table.compute == pytest.approx([600.0, 2400.0])
    assert table.bad_rows == ()
    assert table.logs().loss == pytest.approx(np.log([3.0, 2.5]))


def test_a_column_of_tokens_wins_over_compute(tmp_path):
    path = write(tmp_path, "N,D,C,L\n10,7,600,3.0\n")
    assert read_runs(path, "N", "D", "C", "L").tokens == pytest.approx([7.0])


def test_every_bad_row_is_reported_with_its_line(tmp_path):
    rows = ["10,100,3", "-1,100,2", "10,,2", "10,abc,2", "10,100,3", "10,100,nan", "20,100,0", "20,100,2.9", "20"]
    table = read_runs(write(tmp_path, "N,D,L\n" + "\n".join(rows) + "\n"), "N", "D", None, "L")
    assert len(table) == 2
    assert [(row.line, row.reason) for row in table.bad_rows] == [
        (3, "N must be positive: -1"),
        (4, "D is missing"),
        (5, "D is not a number: 'abc'"),
        (6, "repeats line 2"),
        (7, "L must be positive: nan"),
        (8, "L must be positive: 0"),
        (10, "D is missing"),
    ]


def test_two_seeds_of_one_model_are_not_a_repetition(tmp_path):
    table = read_runs(write(tmp_path, "N,D,L\n10,100,3.0\n10,100,3.1\n"), "N", "D", None, "L")
    assert len(table) == 2
    assert not table.bad_rows


def test_missing_columns_are_named(tmp_path):
    path = write(tmp_path, "N,D,L\n10,100,3.0\n")
    with pytest.raises(ValueError, match=r"no column 'loss'; its columns are N, D, L"):
        read_runs(path, "N", "D", None, "loss")
    with pytest.raises(ValueError, match=r"columns\.d"):
        read_runs(path, "N", None, None, "L")
    with pytest.raises(ValueError, match="no column"):
        read_runs(write(tmp_path, ""), "N", "D", None, "L")


def test_the_largest_losses_are_left_out_in_order(tmp_path):
    path = write(tmp_path, "N,D,L\n1,1,5\n2,2,1\n3,3,9\n4,4,2\n")
    assert read_runs(path, "N", "D", None, "L").without_largest_losses(2).parameters.tolist() == [2.0, 4.0]
