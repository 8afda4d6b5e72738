"""What tests of commands share."""

import subprocess
import sys
import warnings

import pytest
from sabotage.cli import commands

from sabotage.errors import SabotageWarning
from sabotage.shell import show_warning, status_of_run


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a command in this process, which is quicker than one of its own; return its status and what it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sabotage", *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", SabotageWarning)
            warnings.showwarning = show_warning
            status = status_of_run(commands)
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, printed.out, printed.err)

    return run
