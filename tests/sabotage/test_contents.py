"""The content of an audit, however it comes, and files that are none."""

import json

import pytest
from builders import make_panel

from sabotage import SabotageError, analyze
from sabotage.contents import content_of, flat, interval_of, is_audit, read_content


@pytest.fixture(scope="module")
def audit():
    return analyze(make_panel(40, 2, 3), n_permutations=0)


def test_an_audit_its_fields_and_its_file_are_one(audit, tmp_path):
    path = tmp_path / "audit.json"
    path.write_text(audit.to_json())
    assert is_audit(str(path))
    assert is_audit(str(tmp_path))
    assert read_content(str(tmp_path)) == read_content(str(path))
    assert content_of(audit) is audit.content
    assert read_content(str(path)) == json.loads(json.dumps(content_of(audit.to_dict())))


@pytest.mark.parametrize("text", ["", "[1]", '{"schema": 1}', '{"y": "a"}\n{"y": "b"}\n', "\udcff"])
def test_other_files_are_no_audits(text, tmp_path):
    path = tmp_path / "other.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert not is_audit(str(path))
    with pytest.raises(SabotageError, match=r"give the audit\.json that sabotage analyze -o writes"):
        read_content(str(path))


def test_what_is_no_file_or_named_otherwise_is_no_audit(audit, tmp_path):
    (tmp_path / "audit.txt").write_text(audit.to_json())
    assert not is_audit(str(tmp_path / "audit.txt"))
    assert not is_audit(["a.json", "b.json"])
    assert not is_audit(str(tmp_path / "none.json"))
    with pytest.raises(SabotageError, match="cannot be read"):
        read_content(str(tmp_path / "none.json"))
    assert not is_audit(str(tmp_path))
    with pytest.raises(SabotageError, match=r"audit\.json cannot be read"):
        read_content(str(tmp_path))


def test_intervals_are_found_by_the_names_that_profiles_give_them(audit):
    profile = content_of(audit)["agents"]["agent0"]
    names = {flat("top_k", k) for k in profile["top_k"]}
    names |= {flat("rates", per, role) for per, rates in profile["rates"].items() for role in rates}
    assert names <= set(profile["intervals"])
    for name in names:
        found = interval_of(profile, name)
        assert found is None or found[0] <= found[1]
    assert interval_of({}, "accuracy") is None
    assert interval_of({"intervals": {"accuracy": None}}, "accuracy") is None
