"""The command, run as a user runs it."""

import json
import math
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import make_panel
from statsmodels.stats.multitest import multipletests

COMMAND = [str(Path(sys.executable).with_name("sabotage"))]
ROOT = Path(__file__).parents[2]


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def preds(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "preds.parquet"
    make_panel(300, 3, 4, seed=1, missing=0.1, recorded=True).to_parquet(path)
    return path


def test_analyze_writes_its_files_and_a_summary_of_one_screen(preds, tmp_path):
    done = run("analyze", preds, "-o", tmp_path / "out", "--permutations", 200)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "ambiguous.csv",
        "audit.json",
        "cases.json",
        "figures",
        "profiles.csv",
        "report.html",
        "roles.parquet",
    ]
    lines = done.stdout.splitlines()
    assert len(lines) <= 33
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[0] == "input"
    assert done.stderr == ""
    audit = json.loads((tmp_path / "out" / "audit.json").read_text())
    shown = " ".join(done.stdout.split())
    for sentence in audit["finding"]:
        assert sentence in shown
    roles = pd.read_parquet(tmp_path / "out" / "roles.parquet")
    assert len(roles) == 900
    counts = roles[roles["agent"] == "agent1"]["role"].value_counts()
    assert all(counts.get(role, 0) == count for role, count in audit["agents"]["agent1"]["roles"].items())
    profiles = pd.read_csv(tmp_path / "out" / "profiles.csv", index_col="agent")
    assert profiles.loc["agent2", "accuracy"] == audit["agents"]["agent2"]["accuracy"]


def test_json_alone_stands_on_standard_output_and_is_what_a_folder_gets(preds, tmp_path):
    done = run("analyze", preds, "--json", "--permutations", 100, "-o", tmp_path / "out", "--threads", 2)
    assert done.returncode == 0
    assert done.stdout == (tmp_path / "out" / "audit.json").read_text()
    assert json.loads(done.stdout)["settings"]["n_permutations"] == 100
    again = run("analyze", preds, "--json", "--permutations", 100, "--threads", 1)
    assert again.stdout == done.stdout


def test_an_output_folder_that_exists_keeps_other_files(preds, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "audit.json").write_text("old")
    assert run("analyze", preds, "-o", tmp_path, "--permutations", 10).returncode == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert json.loads((tmp_path / "audit.json").read_text())["schema"] == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_options_reach_the_analysis(preds):
    done = run(
        "analyze", preds, "--agents", "agent2,agent0", "--rule", "weighted_vote", "--weights", "confidence",
        "--decision", "replayed", "--threshold", "q0.8", "--top-k", "1,3", "--statistic", "accuracy",
        "--permutations", "50", "--seed", "7", "--json",
    )  # fmt: skip
    audit = json.loads(done.stdout)
    assert audit["input"]["agents"] == ["agent0", "agent2"]
    expected = {
        "rule": "weighted_vote", "weights": "confidence", "decision": "replayed", "threshold": "q0.8", "top_k": [1, 3],
        "statistic": "accuracy", "n_permutations": 50, "seed": 7,
    }  # fmt: skip
    assert {name: audit["settings"][name] for name in expected} == expected


def test_permute_and_profile_are_parts_of_analyze(preds):
    whole = json.loads(run("analyze", preds, "--json", "--permutations", 100).stdout)
    permutation = run("permute", preds, "--json", "--permutations", 100)
    permutation = json.loads(permutation.stdout)
    notes = permutation.pop("notes")
    assert permutation == whole["permutation"]
    assert notes
    assert set(notes) <= set(whole["notes"])
    profile = json.loads(run("profile", preds, "--json").stdout)
    assert profile["agents"] == whole["agents"]
    for command in (["permute", preds, "--permutations", "100"], ["profile", preds], ["validate", preds]):
        done = run(*command)
        assert done.returncode == 0
        assert done.stdout.startswith("input")
        assert max(map(len, done.stdout.splitlines())) <= 80
        assert not any(line.endswith(" ") for line in done.stdout.splitlines())


EXACT = ("exact_mean", "exact_sd", "gap_u", "gap_se", "gap_interval", "n_clusters")


@pytest.mark.parametrize("scheme", ["joint", "independent", "single"])
def test_permute_moves_reliability_by_a_scheme(preds, scheme):
    arguments = ("permute", preds, "--scheme", scheme, "--permutations", 100, "--statistic", "top_2")
    done = run(*arguments, "--json", "--threads", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(*arguments, "--json", "--engine", "numba", "--threads", 1).stdout
    found = json.loads(done.stdout)
    assert (found["scheme"], found["statistic"], found["n_permutations"]) == (scheme, "top_2", 100)
    tests = found["agents"] if scheme == "single" else {None: found}
    assert list(tests) == (["agent0", "agent1", "agent2"] if scheme == "single" else [None])
    for agent, test in tests.items():
        assert test["agent"] == agent
        assert 0 < test["p_value"] <= 1
        assert all((test[name] is None) == (scheme == "independent") for name in EXACT)
    assert ("scheme independent has none that was shown to be valid" in done.stdout) == (scheme == "independent")
    if scheme == "single":
        assert found["p_value"] is None
    shown = run(*arguments)
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80
    text = " ".join(shown.stdout.split())
    assert "and top-2 coverage falls by" in text
    for agent in tests:
        assert agent is None or f"With another example's reliability for {agent} alone" in text
    assert text.count("Not shown: ") == len(tests)


def test_exact_sums_are_an_option(preds):
    without = json.loads(run("permute", preds, "--json", "--permutations", 50, "--no-exact").stdout)
    exact = json.loads(run("permute", preds, "--json", "--permutations", 50, "--exact").stdout)
    for name in EXACT:  # of so few examples the sample holds every pair
        assert without[name] == pytest.approx(exact[name], abs=1e-9), name
    refused = run("permute", preds, "--permutations", 50, "--exact", "--scheme", "independent")
    assert (refused.returncode, refused.stdout.count("Traceback")) == (2, 0)
    assert "scheme independent has none" in refused.stderr
    refused = run("analyze", preds, "--scheme", "single")
    assert refused.returncode == 2
    assert "sabotage permute --scheme single" in refused.stderr


def test_every_table_names_its_agents_at_80_columns(preds):
    lines = run("profile", preds).stdout.splitlines()
    for agent in ("agent0", "agent1", "agent2"):
        assert sum(line.startswith(agent) for line in lines) == 7


def test_several_rules_and_statistics_are_adjusted_and_keep_their_raw_values(preds):
    arguments = ["permute", preds, "--rule", "weighted_mean", "--rule", "select_best", "--permutations", 99]
    arguments += ["--statistic", "accuracy", "--statistic", "macro_f1"]
    found = json.loads(run(*arguments, "--json", "--adjust", "bh").stdout)
    tests = found["tests"]
    expected = [(r, s) for r in ("weighted_mean", "select_best") for s in ("accuracy", "macro_f1")]
    assert [(test["rule"], test["statistic"]) for test in tests] == expected
    alone = json.loads(run("permute", preds, "--permutations", 99, "--statistic", "accuracy", "--json").stdout)
    assert (alone["p_value"], alone["adjustment"]) == (tests[0]["p_value"], None)
    raw, adjusted = ([test[name] for test in tests] for name in ("p_value_two_sided", "p_two_sided_adjusted"))
    assert adjusted == pytest.approx(multipletests(raw, method="fdr_bh")[1], abs=1e-12)
    holm = json.loads(run(*arguments, "--json").stdout)["tests"]
    assert [test["p_adjusted"] for test in holm] == pytest.approx(
        multipletests([test["p_value"] for test in holm], method="holm")[1], abs=1e-12
    )
    shown = run(*arguments)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    for test in holm:
        assert test["verdict"] in " ".join(shown.stdout.split())
    assert "…" not in shown.stdout
    by_agent = run(*arguments[:6], "--permutations", 99, "--scheme", "single", "--power-for", "0.01").stdout
    assert "…" not in by_agent
    for rule in ("weighted_mean", "select_best"):
        assert by_agent[by_agent.index("rule, statistic,") :].count(rule) == 3  # one an agent


def test_permute_shows_controls_headroom_and_power_when_asked(preds):
    alone = json.loads(run("permute", preds, "--json", "--permutations", 99).stdout)
    assert not {"controls", "headroom", "dose_response", "power_for"} & set(alone)
    asked = ("--controls", "--power-for", "0.05", "--permutations", "99")
    found = json.loads(run("permute", preds, "--json", *asked).stdout)
    whole = json.loads(run("analyze", preds, "--json", "--permutations", 99).stdout)
    assert (found["controls"], found["headroom"]) == (whole["controls"], whole["headroom"])
    assert found["dose_response"] is None
    assert found["power_for"] == {"gap": 0.05, "n_needed": math.ceil(300 * (2.8 * found["gap_se"] / 0.05) ** 2)}
    assert {name: found[name] for name in alone if name != "notes"} == {
        name: value for name, value in alone.items() if name != "notes"
    }
    text = " ".join(run("permute", preds, *asked).stdout.split())
    for part in ("positive control gap", "negative control gap +0.0000", "headroom", "0.05 needs", "of it captured"):
        assert part in text
    refused = run("permute", preds, "--power-for", "-1", "--permutations", 9)
    assert (refused.returncode, "--power-for" in refused.stderr, len(refused.stderr.splitlines())) == (2, True, 1)


def test_dose_response_is_printed_dose_by_dose(tmp_path):
    path = tmp_path / "small.parquet"
    make_panel(60, 2, 3, seed=2).to_parquet(path)
    shown = run("permute", path, "--dose-response", "--permutations", 39)
    assert shown.returncode == 0, shown.stderr
    assert sum(line.startswith("dose ") for line in shown.stdout.splitlines()) == 11
    assert "first seen" in shown.stdout


def test_seeds_are_named_and_shown(tmp_path):
    panel = make_panel(80, 3, 3, seed=4)
    frame = panel.to_table().to_pandas()
    frame["id"], frame["y"] = [k // 2 for k in range(80)], frame["y"].repeat(2).iloc[:80].to_numpy()
    frame["run"], frame["fold"] = [k % 2 for k in range(80)], [k // 2 % 4 for k in range(80)]
    path = tmp_path / "runs.parquet"
    frame.to_parquet(path)
    refused = run("permute", path)
    assert (refused.returncode, "id is not unique" in refused.stderr) == (2, True)
    found = json.loads(
        run("permute", path, "--seed-column", "run", "--fold-column", "fold", "--json", "--permutations", 99).stdout
    )
    assert [seed["seed"] for seed in found["seeds"]] == ["0", "1"]
    assert (found["n_units"], found["n_blocks"], found["within"], found["n_clusters"]) == (40, 4, ["fold"], 40)
    shown = run("permute", path, "--seed-column", "run", "--per-seed", "--permutations", 99).stdout
    assert "40 ids in 2 seeds, 80 rows" in " ".join(shown.split())
    assert "seed 1" in shown


def test_a_sign_of_leakage_warns_and_with_strict_refuses(tmp_path):
    panel = make_panel(100, 2, 3)
    right = panel.labels == panel.truth[:, None]
    path = tmp_path / "leaky.parquet"
    panel.with_weights(np.where(right, 0.9, 0.1)).to_parquet(path)
    warned = run("analyze", path, "--permutations", 9, "--json")
    assert warned.returncode == 0
    assert warned.stderr.count("as if the truth had gone into it") == 2
    assert sum("as if the truth had gone into it" in note for note in json.loads(warned.stdout)["notes"]) == 2
    for command in ("analyze", "permute"):
        refused = run(command, path, "--permutations", 9, "--strict", "--json")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("error: the reliability of agent0 is higher on each of the")
        assert len(refused.stderr.splitlines()) == 1


def test_simulate_writes_a_panel_that_reads(tmp_path):
    path = tmp_path / "panel.parquet"
    done = run("simulate", "grouped", "-n", 300, "--seed", 3, "-o", path)
    assert done.returncode == 0, done.stderr
    assert "neutral, in a large sample" in " ".join(done.stdout.split())
    assert json.loads(run("permute", path, "--json", "--permutations", 9).stdout)["n_clusters"] == 15
    refused = run("simulate", "alined", "-o", tmp_path / "no.parquet")
    assert (refused.returncode, "did you mean aligned" in refused.stderr) == (2, True)
    assert not (tmp_path / "no.parquet").exists()
    assert run("simulate", "aligned", "-n", 0, "-o", path).returncode == 2
    refused = run("simulate", "aligned", "-o", tmp_path / "panel.csv")
    assert (refused.returncode, "give -o a name that ends in .parquet" in refused.stderr) == (2, True)


def test_rules_lists_every_rule():
    from sabotage.rules import RULES

    shown = run("rules").stdout
    assert all(name in shown for name in RULES)
    assert [rule["name"] for rule in json.loads(run("rules", "--json").stdout)] == list(RULES)


def test_demo_leaves_a_report(tmp_path):
    done = run("demo", "-o", tmp_path / "demo", "--permutations", 200)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        "preds.parquet", "ambiguous.csv", "audit.json", "cases.json", "figures", "profiles.csv", "report.html",
        "roles.parquet",
    }  # fmt: skip
    assert "bottom sabotages" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--agents", "agent9"], "error: unknown agent 'agent9' (did you mean"),
        (["--rule", "staking"], "error: unknown rule 'staking' (did you mean stacking?)"),
        (["--rule", "stacking"], "error: preds.parquet has no column split, and what is learned may not see the rows"),
        (["--within", "subject"], "error: preds.parquet has no column 'subject'"),
        (["--permutations", "-5"], "error: the number of permutations must be at least 1"),
        (["--threshold", "much"], "error: threshold must be a confidence in [0, 1]"),
        (["--top-k", "a"], "give whole numbers such as 1,2,3"),
        (["--statistic", "f1"], "unknown statistic 'f1'"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_errors_are_one_sentence_and_status_2(preds, tmp_path, arguments, says):
    done = run("analyze", preds, *arguments, "--json", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_torn_file_leaves_nothing_behind(preds, tmp_path):
    (tmp_path / "torn.parquet").write_bytes(preds.read_bytes()[:5000])
    done = run("analyze", tmp_path / "torn.parquet", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: torn.parquet cannot be read as parquet")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["torn.parquet"]


def test_a_folder_that_cannot_be_is_refused_before_the_work(preds, tmp_path):
    (tmp_path / "file").touch()
    done = run("analyze", preds, "-o", tmp_path / "file")
    assert done.returncode == 2
    assert "is no folder: give -o one" in done.stderr
    assert done.stdout == ""


def test_warnings_go_to_standard_error_and_into_the_notes(tmp_path):
    frame = make_panel(60).to_table().to_pandas()
    frame.loc[3, "y"] = None
    frame.to_parquet(tmp_path / "p.parquet")
    done = run("analyze", tmp_path / "p.parquet", "--json", "--permutations", 10)
    assert done.stderr == "warning: 1 row without truth is dropped\n"
    assert "1 row without truth is dropped" in json.loads(done.stdout)["notes"]


def test_names_from_a_file_cannot_steer_the_terminal(tmp_path):
    frame = make_panel(60, 1).to_table().to_pandas()
    evil = "[bold]\x1b[31mred\x07"
    frame.columns = [name.replace("agent0", evil) for name in frame.columns]
    frame.to_parquet(tmp_path / "p.parquet")
    done = run("analyze", tmp_path / "p.parquet", "--permutations", 10)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout
    assert "[bold]\\x1b[31mred" in done.stdout.replace("\n", "")
    refused = run("analyze", tmp_path / "p.parquet", "--agents", evil + "x")
    assert "\x1b" not in refused.stderr


def test_an_interrupt_ends_cleanly_and_soon(preds, tmp_path):
    run("analyze", preds, "--permutations", 10)  # compiled by now
    command = [*COMMAND, "analyze", str(preds), "-o", str(tmp_path / "out"), "--permutations", "100000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(4)
    assert process.poll() is None
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - sent < 5  # below one on a free machine
    assert process.returncode == 130
    assert said.strip() == "interrupted"
    assert not (tmp_path / "out").exists()


def test_a_progress_bar_on_a_terminal_and_none_in_a_pipe(preds):
    command = [*COMMAND, "permute", str(preds), "--permutations", "3000000", "--json"]
    assert run("permute", preds, "--permutations", "20", "--json").stderr == ""
    leader, follower = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower, env=os.environ | {"TERM": "xterm"})
    os.close(follower)
    seen = b""
    try:
        while part := os.read(leader, 65536):
            seen += part
    except OSError:  # how a closed terminal reads on Linux
        pass
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert b"permutations" in seen
    assert json.loads(out)["n_permutations"] == 3_000_000


def test_a_closed_pipe_is_no_error(preds):
    command = f"{COMMAND[0]} analyze {preds} --json --permutations 10 | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n"
    assert done.stderr == ""


def test_help_loads_no_heavy_module():
    program = (
        "import sys; sys.argv = ['sabotage', '--help']\n"
        "from sabotage.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code\n"
        "heavy = {'numpy', 'numba', 'pandas', 'pyarrow', 'scipy', 'sklearn', 'rich', 'matplotlib', 'jinja2'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_validate_loads_no_compiler(preds):
    program = (
        "import sys; sys.argv = ['sabotage', 'validate', sys.argv[1]]\n"
        "from sabotage.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code\n"
        "print('loaded:', sorted({'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(preds)], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_nothing_of_ours_lands_beside_the_package():
    done = run("--version")
    assert done.stdout.startswith("sabotage, version ")
    import sabotage

    site = Path(sabotage.__file__).parents[1]
    assert not any((site / name).exists() for name in ("cli", "cli.py", "kernels", "reports"))
    assert (site / "sabotage" / "cli.py").exists()


def test_every_command_is_documented():
    from sabotage.cli import commands

    readme = (ROOT / "README.md").read_text()
    for name, command in commands.commands.items():
        assert f"sabotage {name}" in readme, name
        assert f"sabotage {name}" in command.help, f"the help of {name} shows no example"
        assert run(name, "--help").returncode == 0


def test_the_list_of_commands_is_whole_sentences_on_lines_of_80():
    done = run("--help")
    assert done.returncode == 0
    assert "..." not in done.stdout.partition("Commands:")[2]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_figures_come_in_the_formats_asked_for(tmp_path):
    make_panel(40, 2, 3).to_parquet(tmp_path / "p.parquet")
    done = run("analyze", "p.parquet", "--permutations", "9", "-o", "out", "--figures", "pdf", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert "role_bars.pdf" in names
    assert {name.rpartition(".")[2] for name in names} == {"pdf"}
    assert f"figures/ ({len(names)} figures, pdf)" in " ".join(done.stdout.split())
    done = run("analyze", "p.parquet", "--figures", "gif", cwd=tmp_path)
    assert done.returncode == 2
    assert "give some of svg, png, pdf, or none" in done.stderr
