"""The commands about rules: compare, attribute, fit, rules; and learned rules and a user's own in all the others."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import make_panel, read_csv
from markdown_it import MarkdownIt

from sabotage import fit, load_fitted, read_panel

COMMAND = [str(Path(sys.executable).with_name("sabotage"))]
MINE = '''
"""Rules of a test."""

import sabotage


def trimmed(evidence, weights, available, out):
    """Mean of the scores of who speaks."""
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(weights)):
            if available[m]:
                out[c] += evidence[m, c]


@sabotage.fusion_rule(evidence="votes", weights="reliability")
def loudest(evidence, weights, available, out):
    """Weighted votes."""
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(weights)):
            if available[m]:
                out[c] += weights[m] * evidence[m, c]


def pythonic(evidence, weights, available, out):
    """What numba does not know."""
    import json

    out[:] = json.loads(json.dumps([float(evidence[available, c].sum()) for c in range(len(out))]))
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a table in two splits, one without, a user's rules and a fitted rule."""
    folder = tmp_path_factory.mktemp("rules")
    frame = make_panel(200, 3, 3, 1, missing=0.1).to_table().to_pandas()
    frame["film"] = [f"film {k % 12}" for k in range(200)]
    frame.to_parquet(folder / "plain.parquet")
    frame["split"] = np.where(np.arange(200) % 2, "train", "test")
    frame.to_parquet(folder / "preds.parquet")
    (folder / "mine.py").write_text(MINE)
    fit(read_panel(str(folder / "preds.parquet"), split="train"), "stacking").save(folder / "stacking.json")
    return folder


@pytest.fixture
def run(place, monkeypatch, call):
    """Run a command in this process, in the folder, and return its status and what it printed."""
    monkeypatch.chdir(place)

    return call


def strict(text):
    """Read strict JSON."""

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


SHORT = {
    "compare": ("--resamples", "60", "--permutations", "19"),
    "attribute": (),
    "analyze": ("--permutations", "19"),
    "permute": ("--permutations", "19"),
    "profile": (),
}


@pytest.mark.parametrize("command", ["compare", "attribute"])
def test_every_format_stands_alone_on_standard_output(run, command):
    arguments = (command, "plain.parquet", *SHORT[command], "--group", "film", "--rule", "weighted_mean")
    shown = {name: run(*arguments, "--format", name) for name in ("text", "csv", "latex", "markdown", "json")}
    notes = json.loads(shown["json"].stdout)["notes"]
    for name, done in shown.items():  # a table alone has no room for notes
        said = [] if name in ("text", "json") else [f"note: {note}" for note in notes]
        assert (done.returncode, done.stderr.splitlines()) == (0, said)
    assert shown["text"].stdout.startswith("input")
    assert max(map(len, shown["text"].stdout.splitlines())) <= 80
    assert "…" not in shown["text"].stdout
    rows = list(csv.reader(io.StringIO(shown["csv"].stdout)))
    assert len({len(row) for row in rows}) == 1
    frame = read_csv(shown["csv"].stdout)
    assert "rule" in frame or "agent" in frame
    assert shown["latex"].stdout.startswith("\\begin{table")
    assert shown["latex"].stdout.endswith(("\\end{table}\n", "\\end{table*}\n"))
    tokens = MarkdownIt("commonmark").enable("table").parse(shown["markdown"].stdout)
    assert sum(token.type == "table_open" for token in tokens) == 1
    found = strict(shown["json"].stdout)
    assert run(*arguments, "--json").stdout == shown["json"].stdout
    assert run(*arguments, "--json", "--format", "json").stdout == shown["json"].stdout
    refused = run(*arguments, "--json", "--format", "csv")
    assert (refused.returncode, refused.stderr) == (2, "error: --json and --format csv are two formats: give one\n")
    if command == "attribute":
        panel = found["statistics"]["accuracy"]["panel"]
        own = frame[(frame["statistic"] == "accuracy") & (frame["part"] == "panel") & (frame["quantity"] == "shapley")]
        assert dict(zip(own["agent"], own["value"], strict=True)) == {
            agent: share["value"] for agent, share in panel["shapley"].items()
        }
        assert set(found["statistics"]["accuracy"]["by_group"]) == {f"film {k}" for k in range(12)}
    else:
        assert list(frame["rule"]) == [rule["name"] for rule in found["rules"]]


@pytest.mark.parametrize("command", SHORT)
@pytest.mark.parametrize(
    "how",
    [("--rule", "stacking"), ("--rule", "stacking", "--cross-fit", "4", "--group", "film")],
    ids=["split", "cross"],
)
def test_a_learned_rule_wherever_a_rule_is_named(run, command, how):
    done = run(command, "preds.parquet", *how, *SHORT[command], "--json")
    assert (done.returncode, done.stderr) == (0, "")
    strict(done.stdout)
    assert '"stacking"' in done.stdout or command == "profile"
    told = "stacking was fitted in 4 folds" if "--cross-fit" in how else "stacking was fitted on 100 rows"
    assert told in done.stdout
    shown = run(command, "preds.parquet", *how, *SHORT[command])
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", SHORT)
def test_a_saved_rule_wherever_a_rule_is_named(run, command):
    by_file = run(command, "preds.parquet", "--rule", "stacking.json", *SHORT[command], "--json")
    assert (by_file.returncode, by_file.stderr) == (0, "")
    if command == "compare":  # which reads the calibration rows for the best agent
        names = [rule["name"] for rule in json.loads(by_file.stdout)["rules"]]
        assert "stacking (stacking.json)" in names
        return
    assert by_file.stdout == run(command, "preds.parquet", "--rule", "stacking", *SHORT[command], "--json").stdout


@pytest.mark.parametrize("command", SHORT)
@pytest.mark.parametrize("interpret", [(), ("--interpret",)], ids=["compiled", "interpreted"])
def test_a_rule_of_ones_own_wherever_a_rule_is_named(run, command, interpret):
    found = {}
    for name in ("mine.py:trimmed", "mine.py:loudest"):
        done = run(command, "preds.parquet", "--rule", name, *interpret, *SHORT[command], "--json")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        found[name] = strict(done.stdout)
    if command == "analyze":
        for own, ours in (("mine.py:trimmed", "mean"), ("mine.py:loudest", "weighted_vote")):
            witness = json.loads(run(command, "preds.parquet", "--rule", ours, *SHORT[command], "--json").stdout)
            assert found[own]["settings"]["rule"] == own
            assert found[own]["decision"]["accuracy"] == witness["decision"]["accuracy"]
            assert found[own]["agents"] == witness["agents"]
    assert not (Path.cwd() / "__pycache__").exists()


@pytest.mark.parametrize("command", SHORT)
def test_what_numba_does_not_know_runs_interpreted(run, command):
    refused = run(command, "preds.parquet", "--rule", "mine.py:pythonic", *SHORT[command], "--json")
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (2, "", 1)
    assert "numba cannot compile mine.py:pythonic" in refused.stderr
    assert "--interpret" in refused.stderr
    done = run(command, "preds.parquet", "--rule", "mine.py:pythonic", "--interpret", *SHORT[command], "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_reference_may_be_a_rule_of_any_kind(run):
    for against in ("stacking", "stacking.json", "mine.py:trimmed", "calibrated:mean", "recorded"):
        done = run("compare", "preds.parquet", "--rule", "mean", "--against", against, *SHORT["compare"], "--json")
        if against == "recorded":
            assert (done.returncode, "holds no recorded decision" in done.stderr) == (2, True)
            continue
        assert (done.returncode, done.stderr) == (0, ""), against
        assert against in json.loads(done.stdout)["reference"]
    for own, more in (("mine.py:pythonic", ("--interpret",)), ("mine.py:loudest", ()), ("stacking.json", ())):
        rules = ("--rule", "mean", "--rule", own, "--against", own, *more)
        done = run("compare", "preds.parquet", *rules, "--drop", "agent1", *SHORT["compare"], "--json")
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        assert found["reference"] == ("stacking (stacking.json)" if own.endswith(".json") else own)
        assert [rule["name"] for rule in found["rules"] if rule["difference"] is None] == [found["reference"]]


def test_all_rules_are_compared_where_none_is_named(run):
    found = json.loads(run("compare", "preds.parquet", *SHORT["compare"], "--json").stdout)
    names = {rule["name"] for rule in found["rules"]}
    assert {"weighted_mean", "stacking", "learned_gate", "class_weighted", "dempster_shafer"} <= names
    assert found["settings"]["n_calibration"] == 100
    alone = json.loads(run("compare", "plain.parquet", *SHORT["compare"], "--json").stdout)
    assert "stacking" not in {rule["name"] for rule in alone["rules"]}


def test_what_ifs_stand_beside_their_rules(run):
    what = ("--drop", "agent0", "--veto", "agent1", "--cap", "agent2=0.6", "--temperature", "agent1=2")
    rules = ("--rule", "stacking", "--rule", "learned_gate", "--rule", "calibrated:mean")
    found = json.loads(run("compare", "preds.parquet", *rules, *what, *SHORT["compare"], "--json").stdout)
    names = [rule["name"] for rule in found["rules"]]
    for rule in ("stacking", "learned_gate", "calibrated:mean"):
        for change in ("drop agent0", "veto agent1", "cap agent2=0.6", "temperature agent1=2"):
            assert f"{rule}, {change}" in names


def test_fit_writes_what_the_others_read(run, tmp_path):
    for rule in ("stacking", "learned_gate", "class_weighted", "calibrated-isotonic:log_pool"):
        path = tmp_path / f"{rule.replace(':', '_')}.json"
        done = run("fit", "preds.parquet", "--rule", rule, "-o", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{rule}, fitted on 100 rows" in done.stdout
        assert "judge it on others" in done.stdout
        assert max(len(line) for line in done.stdout.splitlines() if str(tmp_path) not in line) <= 80
        fitted = load_fitted(path)
        witness = fit(read_panel("preds.parquet", split="train"), rule)
        assert (fitted.parts, fitted.n_fit) == (witness.parts, 100)
        strict(path.read_text())
    done = run("fit", "plain.parquet", "--rule", "stacking", "-o", tmp_path / "all.json", "--agents", "agent0,agent2")
    assert load_fitted(tmp_path / "all.json").n_fit == 200
    assert load_fitted(tmp_path / "all.json").agents == ("agent0", "agent2")
    before = (tmp_path / "all.json").read_bytes()
    assert run("fit", "plain.parquet", "--rule", "nonsense", "-o", tmp_path / "all.json").returncode == 2
    assert (tmp_path / "all.json").read_bytes() == before


@pytest.mark.parametrize("words", [("a", "b", "c"), (1, 2, 10)], ids=["texts", "numbers"])
def test_a_class_that_only_the_fit_knew_is_named_in_the_way_out(run, tmp_path, words):
    truth = [words[k % 2] for k in range(40)] + [words[k % 3] for k in range(40)]
    said = [words[k // 2 % 2] for k in range(80)]
    columns = {
        "y": truth,
        "m_label": said,
        "m_confidence": np.linspace(0.2, 0.9, 80),
        "split": ["test"] * 40 + ["train"] * 40,
    }
    pd.DataFrame(columns).to_parquet(tmp_path / "votes.parquet")
    path, rule = tmp_path / "votes.parquet", tmp_path / "rule.json"
    assert run("fit", path, "--rule", "class_weighted", "-o", rule).returncode == 0
    arguments = ("analyze", path, "--rule", rule, "--permutations", "0", "--json")
    refused = run(*arguments)
    way_out = f"--classes {','.join(map(str, words))}"
    assert (refused.returncode, f"{way_out} would do" in refused.stderr) == (2, True)
    done = run(*arguments, *way_out.split())
    assert (done.returncode, done.stderr) == (0, "")
    by_name = run("analyze", path, "--rule", "class_weighted", "--permutations", "0", "--json")
    assert json.loads(done.stdout)["decision"] == json.loads(by_name.stdout)["decision"]


def test_rules_lists_ones_own(run):
    done = run("rules", "mine.py:trimmed", "mine.py:loudest")
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine.py:trimmed" in done.stdout
    assert "Weighted votes." in done.stdout
    assert "calibrated:RULE or calibrated-temperature:RULE" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    found = strict(run("rules", "mine.py:loudest", "--json").stdout)
    assert found[-1] == {
        "name": "mine.py:loudest", "formula": "Weighted votes.", "needs": "labels", "weight": "reliability",
        "learned": False,
    }  # fmt: skip
    assert [rule["name"] for rule in found if rule["learned"]] == [
        "stacking", "weighted_stacking", "learned_gate", "class_weighted"
    ]  # fmt: skip


ERRORS = [
    (("compare", "--rule", "weighted_men"), "unknown rule 'weighted_men' (did you mean weighted_mean"),
    (("compare", "--rule", "mean", "--against", "nobody"), "unknown rule 'nobody'"),
    (("compare", "--rule", "mean", "--rule", "mean"), "mean stands twice"),
    (("compare", "--rule", "stacking"), "plain.parquet has no column split, and what is learned may not see"),
    (("compare", "--against", "stacking"), "no column split, and what is learned may not see"),
    (("compare", "--rule", "mean", "--cap", "agent0"), "'agent0'; give an agent and a number"),
    (("compare", "--rule", "mean", "--cap", "agent0=much"), "give an agent and a number"),
    (("compare", "--rule", "mean", "--cap", "=0.5"), "give an agent and a number"),
    (("compare", "--rule", "mean", "--cap", "agent0=7"), "cap takes a number in (0, 1)"),
    (("compare", "--rule", "mean", "--cap", "agent0=nan"), "cap takes a number in (0, 1)"),
    (("compare", "--rule", "mean", "--drop", "agent7"), "unknown agent 'agent7'"),
    (("compare", "--rule", "mean", "--temperature", "warm"), "give a number, or an agent and one"),
    (("compare", "--rule", "mean", "--temperature", "-1"), "temperature must be positive"),
    (("compare", "--rule", "mean", "--sort", "beauty"), "unknown sort 'beauty'"),
    (("compare", "--rule", "mean", "--format", "pdf"), "--format"),
    (("compare", "--rule", "mean", "--resamples", "-1"), "resamples"),
    (("attribute", "--rule", "stacking"), "no column split, and what is learned may not see"),
    (("attribute", "--rule", "learned_gate", "--cross-fit", "1"), "n_folds must be at least 2"),
    (("attribute", "--rule", "learned_gate", "--cross-fit", "5000"), "n_folds must be at most the number"),
    (
        ("attribute", "--rule", "stacking", "--cross-fit", "13", "--group", "film"),
        "at most the number of groups of film",
    ),
    (("attribute", "--statistic", "macro_f1"), "--statistic"),
    (("attribute", "--agents", "agent9"), "unknown agent 'agent9'"),
    (("attribute", "--rule", "no.json"), "no.json cannot be read"),
    (("attribute", "--rule", "mine.py:nothing"), "mine.py has no function 'nothing'"),
    (("attribute", "--rule", "none.py:nothing"), "there is no file 'none.py'"),
    (
        ("attribute", "--rule", "stacking.json", "--agents", "agent0,agent1"),
        "was fitted on other agents than the panel",
    ),
    (("attribute", "--rule", "stacking.json", "--weights", "uniform"), "was fitted on other weights than the panel"),
    (("analyze", "--rule", "stacking"), "no column split, and what is learned may not see"),
    (("analyze", "--rule", "calibrated:none"), "unknown rule 'none'"),
    (("analyze", "--rule", "calibrated"), "must say which rule is over the calibrated agents"),
    (("permute", "--rule", "stacking"), "no column split, and what is learned may not see"),
    (("profile", "--rule", "stacking"), "no column split, and what is learned may not see"),
    (("fit", "--rule", "stacking", "-o", "rule.txt"), "give -o a name that ends in .json"),
    (("fit", "--rule", "stacking", "-o", "no/such/folder/rule.json"), "cannot be written"),
    (("fit", "--rule", "mean", "-o", "rule.json"), "unknown learned rule 'mean'"),
    (("fit", "--rule", "calibrated:none", "-o", "rule.json"), "unknown rule 'none'"),
    (("fit", "--rule", "stacking", "--clip", "2", "-o", "rule.json"), "clip must lie in (0, 1)"),
    (("fit", "-o", "rule.json"), "--rule"),
]


@pytest.mark.parametrize(("arguments", "says"), ERRORS, ids=[" ".join(one[0]) for one in ERRORS])
def test_errors_are_one_sentence_and_leave_nothing(run, place, arguments, says):
    before = sorted(place.rglob("*"))
    command, *rest = arguments
    done = run(command, "plain.parquet", *rest, *(() if command == "fit" else ("--json",)))
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == "" or command == "fit"
    assert sorted(place.rglob("*")) == before


def test_a_learned_rule_is_told_apart_from_what_it_learns_from(run, place):
    frame = pd.read_parquet(place / "preds.parquet")
    frame.assign(split="test").to_parquet(place / "tests.parquet")
    for command in SHORT:
        done = run(command, "tests.parquet", "--rule", "stacking", *SHORT[command])
        assert done.returncode == 2
        assert "no row of another split than test" in done.stderr
        assert "--cross-fit K" in done.stderr
    refused = run("fit", "tests.parquet", "--rule", "stacking", "-o", "none.json")
    assert (refused.returncode, "all rows of tests.parquet are of split test" in refused.stderr) == (2, True)
    assert not (place / "none.json").exists()


def test_the_same_ids_in_both_splits_warn_and_with_strict_refuse(run, place):
    frame = pd.read_parquet(place / "preds.parquet")
    frame.assign(id=np.arange(200) // 2).to_parquet(place / "leaky.parquet")
    for command in ("compare", "analyze", "permute"):
        arguments = (command, "leaky.parquet", "--rule", "stacking", *SHORT[command], "--json")
        done = run(*arguments)
        assert done.returncode == 0
        assert "warning: " in done.stderr
        assert "split" in done.stderr
        refused = run(*arguments, "--strict")
        assert (refused.returncode, refused.stdout) == (2, "")


def test_hostile_names_stay_names(run, place):
    frame = pd.read_parquet(place / "plain.parquet")
    evil = "[bold]\x1b[31mred"
    frame.columns = [name.replace("agent0", evil) for name in frame.columns]
    frame.to_parquet(place / "evil.parquet")
    for command in ("compare", "attribute"):
        for name in ("text", "csv", "latex", "markdown", "json"):
            done = run(command, "evil.parquet", "--rule", "mean", *SHORT[command], "--format", name)
            assert (done.returncode, "\x1b" in done.stdout) == (0, False)


@pytest.mark.parametrize("command", ["compare", "attribute", "fit", "rules"])
def test_help_of_each_loads_no_heavy_module(command):
    program = (
        f"import sys; sys.argv = ['sabotage', '{command}', '--help']\n"
        "from sabotage.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code\n"
        "heavy = {'numpy', 'numba', 'pandas', 'pyarrow', 'scipy', 'sklearn', 'rich', 'matplotlib', 'jinja2'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert f"sabotage {command}" in done.stdout


def test_the_command_itself_compares_in_80_columns(place):
    done = subprocess.run(
        [*COMMAND, "compare", str(place / "preds.parquet"), *SHORT["compare"]],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "stacking" in done.stdout
