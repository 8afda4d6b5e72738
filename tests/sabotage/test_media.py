"""Links to the files of examples: names stay names, and no scheme comes in by an id."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sabotage import SabotageError
from sabotage.media import check, link, settle


@given(st.text(min_size=1, max_size=30))
def test_an_id_never_leaves_the_path(name):
    found = urlsplit(link("clips/{id}.mp4", name))
    assert not found.scheme
    assert not found.netloc
    assert not found.query
    assert not found.fragment
    assert unquote(found.path, errors="replace") == f"clips/{name.encode(errors='replace').decode()}.mp4"


@pytest.mark.parametrize("name", ["javascript:alert(1)", "http://x", "a:b", "data:text/html,x"])
def test_an_id_alone_is_no_scheme(name):
    assert not urlsplit(link("{id}", name)).scheme


@pytest.mark.parametrize("pattern", ["clips/", "{name}.mp4", ""])
def test_a_pattern_names_an_example(pattern):
    with pytest.raises(SabotageError, match="must say where the id goes"):
        check(pattern)


@pytest.mark.parametrize("pattern", ["javascript:alert('{id}')", "data:{id}", "JavaScript:{id}", "vbscript:{id}"])
def test_a_pattern_is_a_path_or_an_address(pattern):
    with pytest.raises(SabotageError, match="must be a path or begin with"):
        check(pattern)


def test_addresses_stay_as_they_are():
    assert link("https://host/{id}?a=1", "c 1") == "https://host/c%201?a=1"


def test_paths_are_seen_from_the_page_or_from_where_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    (tmp_path / "out" / "own").mkdir(parents=True)
    (tmp_path / "clips" / "c1.mp4").touch()
    (tmp_path / "out" / "own" / "c1.mp4").touch()
    assert settle("clips/{id}.mp4", "out", "c1") == ("../clips/{id}.mp4", True)
    assert settle("own/{id}.mp4", "out", "c1") == ("own/{id}.mp4", True)
    assert settle("none/{id}.mp4", "out", "c1") == ("none/{id}.mp4", False)
    assert settle("https://host/{id}", "out", "c1") == ("https://host/{id}", True)
    assert settle(str(tmp_path / "clips" / "{id}.mp4"), "out", "c1")[1]
