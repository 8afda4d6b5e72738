"""The output folder: row groups, harmless names, and nothing half-written."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from builders import make_panel
from sabotage.reports.writing import FILES, check_folder, check_media, write_audit

from sabotage import Panel, SabotageError, SabotageWarning, analyze
from sabotage.cases import fingerprint


def renamed(panel: Panel, agents) -> Panel:
    return Panel(**({name: getattr(panel, name) for name in panel.__dataclass_fields__} | {"agents": agents}))


@pytest.fixture
def audit():
    return analyze(make_panel(100, 2, 3), n_permutations=5)


def test_roles_are_written_in_row_groups_of_chunks(audit, tmp_path, monkeypatch):
    monkeypatch.setattr("sabotage.panel.CHUNK_ROWS", 32)
    write_audit(audit, tmp_path)
    written = pq.ParquetFile(tmp_path / "roles.parquet")
    assert [written.metadata.row_group(k).num_rows for k in range(written.num_row_groups)] == [64, 64, 64, 8]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "roles.parquet"), audit.roles)


def test_a_name_that_a_spreadsheet_would_run_is_quoted(tmp_path):
    audit = analyze(renamed(make_panel(30, 2, 3), ("=cmd()", "-1+1")), n_permutations=0)
    write_audit(audit, tmp_path)
    assert pd.read_csv(tmp_path / "profiles.csv")["agent"].tolist() == ["'=cmd()", "'-1+1"]


@pytest.mark.parametrize("broken", ["write_roles", "write_profiles"])
def test_a_failure_leaves_the_folder_as_it_was(audit, tmp_path, monkeypatch, broken):
    (tmp_path / "audit.json").write_text("old")

    def fail(audit, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"sabotage.reports.writing.{broken}", fail)
    with pytest.raises(SabotageError, match="cannot be written: No space left on device"):
        write_audit(audit, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["audit.json"]
    assert (tmp_path / "audit.json").read_text() == "old"


def test_folders_are_checked_beforehand(tmp_path):
    check_folder(str(tmp_path / "a" / "b"))
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    (tmp_path / "out" / FILES[0]).mkdir(parents=True)
    for folder, says in (
        ("", "an empty name is no folder"),
        (str(tmp_path / "file"), "is no folder"),
        (str(tmp_path / "out"), "audit.json is a folder: give -o another place"),
        (str(tmp_path / ("x" * 300)), "cannot be a folder: File name too long"),
    ):
        with pytest.raises(SabotageError, match=says):
            check_folder(folder)


def test_cases_lie_beside_the_audit_that_they_belong_to(audit, tmp_path):
    write_audit(audit, tmp_path)
    cases = json.loads((tmp_path / "cases.json").read_text())
    assert cases["audit"] == fingerprint(json.loads((tmp_path / "audit.json").read_text()))
    assert cases["cells"]["*:wrong"]["n"] == audit.totals.n_wrong
    assert all(example["media"] is None for example in cases["examples"])


def test_media_are_linked_and_missing_ones_are_warned_of(audit, tmp_path):
    with pytest.warns(SabotageWarning, match=r"clips/.*\.mp4 is not there"):
        write_audit(audit, tmp_path, media="clips/{id}.mp4")
    example = json.loads((tmp_path / "cases.json").read_text())["examples"][0]
    assert example["media"] == f"clips/{example['id']}.mp4"
    with pytest.raises(SabotageError, match="give -o a folder"):
        check_media("clips/{id}.mp4", None)


def test_figures_stand_in_a_folder_of_their_own(audit, tmp_path):
    written = write_audit(audit, tmp_path)
    found = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert found == sorted(written)
    assert {"role_bars.svg", "role_bars.png", "permutation_null.svg"} <= set(found)
    (tmp_path / "figures" / "mine.svg").touch()
    again = write_audit(audit, tmp_path, figures=("svg",))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted([*again, "mine.svg"])
    assert not any(name.endswith(".png") for name in again)
    assert write_audit(audit, tmp_path, figures=()) == []
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.svg"]


def test_a_file_called_figures_is_in_the_way(tmp_path):
    (tmp_path / "figures").touch()
    with pytest.raises(SabotageError, match="figures is no folder: give -o another place, or --figures none"):
        check_folder(str(tmp_path))
