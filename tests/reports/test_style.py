"""The style: set for good, or for a block; colours of agents and roles by name."""

import matplotlib as mpl
import pytest

import sabotage
from sabotage import SabotageError


def test_a_block_has_the_look_and_leaves_none_of_it():
    with mpl.rc_context():
        before = dict(mpl.rcParams)
        with sabotage.style():
            assert mpl.rcParams["axes.spines.top"] is False
            assert mpl.rcParams["axes.prop_cycle"].by_key()["color"][1] == sabotage.style.agent_colour(1)
        assert dict(mpl.rcParams) == before
        sabotage.style()
        assert mpl.rcParams["font.size"] == 7


def test_colours_have_names():
    assert sabotage.style.role_colour("saboteur") == "#d55e00"
    assert sabotage.style.agent_colour(0) == sabotage.style.agent_colour(8)
    with pytest.raises(SabotageError, match="unknown role 'sabotuer'"):
        sabotage.style.role_colour("sabotuer")
