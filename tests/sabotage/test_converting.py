"""What a converted table keeps: every row, every column, and the same panel when it is read again."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings

from sabotage import SabotageError, SabotageWarning, read_panel
from sabotage.converting import convert


@settings(max_examples=25, deadline=None)
@given(panels())
def test_a_panel_comes_through_as_it_is(tmp_path_factory, panel):
    path = tmp_path_factory.getbasetemp() / "panel.parquet"
    panel.to_parquet(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SabotageWarning)
        try:
            expected = read_panel(path)
        except SabotageError:
            return  # nobody speaks, or one class
        found = convert([str(path)])
        found.to_parquet(path)
        again = read_panel(path)
    for name in ("labels", "truth", "confidence", "scores", "reliability"):
        for one in (found, again):
            assert np.array_equal(getattr(one, name), getattr(expected, name), equal_nan=True)
    assert found.classes == again.classes == expected.classes


def test_what_one_agent_lacks_is_kept_as_a_column(tmp_path):
    table = make_panel(30, 2, 3).to_table()
    table = table.drop_columns(["agent1_reliability"]).append_column("site", pa.array(["a"] * 30))
    pa.parquet.write_table(table, tmp_path / "preds.parquet")
    with pytest.warns(SabotageWarning, match="agent1 has no self-assessment") as heard:
        panel = convert([str(tmp_path / "preds.parquet")])
    assert len(heard) == 1
    assert set(panel.columns) == {"agent0_reliability", "site"}
    panel.to_parquet(tmp_path / "out.parquet")
    assert read_panel(tmp_path / "out.parquet").weights == "confidence"


def test_a_reader_and_its_files_are_named(tmp_path):
    np.savez(tmp_path / "one.npz", p_a=np.array([0.2, 0.7]), y=np.array([0, 1]))
    panel = convert([str(tmp_path / "one.npz")], "quality-npz")
    assert panel.origin.format == "quality-npz"
    assert panel.origin.name.endswith("one.npz")
    with pytest.raises(SabotageError, match=r"one\.npz, read as quality-npz: the table has no column 'z'"):
        convert([str(tmp_path / "one.npz")], "quality-npz", truth="z")
