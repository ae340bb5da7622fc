import numpy as np
import pytest

from baselines.scaling_law.runs_table import read_columns, read_runs


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


def test_a_filter_leaves_other_rows_unread(tmp_path):
    path = write(tmp_path, "N,L,kind\n1,5,a\n2,oops,b\n3,4,a\n3,4,b\n")
    table = read_columns(path, {"size": "N", "loss": "L"}, {"kind": "a"})
    assert table["size"].tolist() == [1.0, 3.0]
    assert table.lines.tolist() == [2, 4]
    assert (table.bad_rows, table.filtered) == ((), 2)
    with pytest.raises(ValueError, match=r"no row with kind = 'c'; there are a, b"):
        read_columns(path, {"size": "N"}, {"kind": "c"})
    with pytest.raises(ValueError, match="no column 'sort'"):
        read_columns(path, {"size": "N"}, {"sort": "c"})


def test_the_smallest_of_each_group_in_the_files_order(tmp_path):
    path = write(tmp_path, "N,D,L\n1,1,5\n2,1,3\n1,1,4\n2,1,9\n3,1,7\n")
    best = read_columns(path, {"n": "N", "d": "D", "loss": "L"}).smallest("loss", by=("n", "d"))
    assert best["loss"].tolist() == [3.0, 4.0, 7.0]
    assert best.lines.tolist() == [3, 4, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("N;L\n1;2\n", "separated by ';'"),
        ("N,N,L\n1,2,3\n", "2 columns named 'N'"),
        ("", "no column 'N'"),
    ],
)
def test_files_that_are_no_such_table_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_columns(write(tmp_path, text), {"n": "N", "loss": "L"})


def test_other_encodings_are_refused(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_bytes("N,L\n1,2\n3,4 \u00b5\n".encode("utf-16"))
    with pytest.raises(ValueError, match="not a text file in UTF-8"):
        read_columns(path, {"n": "N"})


def test_a_row_with_more_fields_than_the_header_is_bad(tmp_path):
    table = read_columns(write(tmp_path, "N,L\n1,2\n1,234,5\n"), {"n": "N", "loss": "L"})
    assert [(row.line, row.reason) for row in table.bad_rows] == [(3, "has more fields than the header")]
