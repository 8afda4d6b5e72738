"""Progress: nothing before a second, then count, rate and time left, or a stage and how long it takes."""

import io
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sabotage.reports.progress import duration, in_words, progress_bar

from sabotage.stages import announce, listening


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sabotage.reports.progress.sys", SimpleNamespace(stderr=screen))  # pytest has its own
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return screen


def shown(bar, screen):
    """Return what the bar shows now."""
    screen.seek(0)
    screen.truncate()
    bar.bar.refresh()
    return screen.getvalue()


def test_nothing_appears_in_the_first_second(terminal):
    clock = Clock()
    bar = progress_bar(clock=clock, ticks=False)
    with bar as progress:
        for step in range(9):
            clock.now = 100 + step / 10
            progress(step, 10)
            announce("controls")
            bar.tick()
    assert terminal.getvalue() == ""
    assert bar.bar is None


def test_count_rate_and_time_left_after_it(terminal):
    clock = Clock()
    bar = progress_bar("permutations", clock, ticks=False)
    with bar as progress:
        progress(0, 1000)
        clock.now += 1
        progress(100, 1000)
        bar.tick()
        for step in range(2, 5):
            clock.now += 1
            progress(100 * step, 1000)
        text = shown(bar, terminal)
        assert "permutations" in text
        assert "400/1,000, 100/s, 6 s left" in text


def test_a_stage_without_a_count_has_a_name_and_a_time(terminal):
    clock = Clock()
    bar = progress_bar("reading the table", clock, ticks=False)
    with bar as progress:
        clock.now += 2
        bar.tick()
        clock.now += 3
        text = shown(bar, terminal)
        assert "reading the table" in text
        assert "3 s" in text
        assert "/" not in text.replace("\x1b", "")
        announce("permutations")
        progress(5, 10)
        assert "5/10" in shown(bar, terminal)
        announce("[bold]controls")
        text = shown(bar, terminal)
        assert "[bold]controls" in text
        assert "5/10" not in text
        progress(1, 7)
        assert "1/7" in shown(bar, terminal)


def test_the_bar_is_gone_in_the_end(terminal):
    clock = Clock()
    bar = progress_bar(clock=clock, ticks=False)
    with bar:
        clock.now += 2
        bar.tick()
    assert terminal.getvalue().endswith(("\x1b[2K", "\x1b[?25h", "\r\x1b[1A\x1b[2K"))
    bar.tick()
    announce("after")  # nobody listens any more
    assert bar.stage != "after"


def test_plain_letters_where_the_terminal_has_no_others(terminal):
    Terminal.encoding = "ascii"
    try:
        clock = Clock()
        bar = progress_bar(clock=clock, ticks=False)
        with bar as progress:
            progress(3, 10)
            clock.now += 2
            bar.tick()
            assert shown(bar, terminal).isascii()
    finally:
        Terminal.encoding = "utf-8"


def test_nothing_where_nobody_looks(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr("sabotage.reports.progress.sys", SimpleNamespace(stderr=pipe))
    with progress_bar() as progress:
        announce("controls")
        assert progress is None
    assert pipe.getvalue() == ""


def test_an_error_ends_the_thread(terminal):
    bar = progress_bar()
    with pytest.raises(KeyboardInterrupt), bar:
        raise KeyboardInterrupt
    assert not bar.ticker.is_alive()


def test_stages_are_told_to_who_listens():
    heard = []
    announce("unheard")
    with listening(heard.append):
        announce("first")
        with listening(lambda stage: heard.append(stage.upper())):
            announce("second")
        announce("third")
    announce("unheard")
    assert heard == ["first", "SECOND", "third"]


def test_an_analysis_says_what_it_does():
    from builders import make_panel

    from sabotage import analyze

    heard = []
    with listening(heard.append):
        analyze(make_panel(60, 2, 3), n_permutations=20, progress=lambda done, total: heard.append((done, total)))
    assert [stage for stage in heard if isinstance(stage, str)][:3] == [
        "signs of leakage", "replaying the rule", "roles and profiles"
    ]  # fmt: skip
    assert heard.index("permutations") < heard.index((20, 20)) < heard.index("controls")


@given(seconds=st.floats(0, 1e6))
def test_durations_are_read_back(seconds):
    text = duration(seconds)
    units = {"s": 1, "min": 60, "h": 3600}
    numbers = text.split()
    back = sum(int(value) * units[unit] for value, unit in zip(numbers[::2], numbers[1::2], strict=True))
    assert abs(back - seconds) <= (0.51 if seconds < 3599 else 60)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0, None, None, 12.4), "12 s"),
        ((0, 10, None, 1), "0/10"),
        ((1200, 10_000, 400.0, 3), "1,200/10,000, 400/s, 22 s left"),
        ((3, 9, 1.5, 2), "3/9, 1.5/s, 4 s left"),
        ((1, 100_000, 10.0, 2), "1/100,000, 10/s, 2 h 46 min left"),
        ((1, 1000, 1.0, 2), "1/1,000, 1.0/s, 16 min 39 s left"),
    ],
)
def test_words(values, text):
    assert in_words(*values) == text
