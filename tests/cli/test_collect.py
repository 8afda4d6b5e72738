"""`sabotage collect` as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

COMMAND = [str(Path(sys.executable).with_name("sabotage"))]


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture
def folder(tmp_path):
    """Replies of two agents, their labels and the truth."""
    (tmp_path / "replies").mkdir()
    texts = {
        "voice": [
            '{"label":"joy","confidence":0.7}',
            "Answer: sad (60%)",
            "I don't know",
            "```json\n{'label': 'angry',}\n```",
        ],
        "face": ["B", "The face looks sad.", "joy, 90%", "joy or anger"],
    }
    for agent, own in texts.items():
        lines = [json.dumps({"id": f"clip{k}", "reply": text}) for k, text in enumerate(own)]
        (tmp_path / "replies" / f"{agent}.jsonl").write_text("\n".join(lines))
    (tmp_path / "labels.yaml").write_text("anger: [angry, A]\njoy: [happy, B]\nsad:\n")
    (tmp_path / "truth.csv").write_text("id,y,film\nclip0,joy,a\nclip1,sad,a\nclip2,joy,b\nclip3,anger,b\n")
    return tmp_path


FILES = ("replies/voice.jsonl", "replies/face.jsonl", "--labels", "labels.yaml", "--truth", "truth.csv")


def test_a_table_and_a_report_that_other_commands_go_on_from(folder):
    done = run("collect", *FILES, "-o", "preds.parquet", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.splitlines()[1].split() == ["voice", "4", "2", "0", "1", "1", "0"]
    assert done.stdout.splitlines()[2].split() == ["face", "4", "1", "1", "1", "0", "1"]
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == [
        "labels.yaml", "preds.parquet", "preds.replies.md", "truth.csv",
    ]  # fmt: skip
    assert "### face: unusable, the first 1" in (folder / "preds.replies.md").read_text()
    frame = pd.read_parquet(folder / "preds.parquet")
    assert frame["voice_label"].fillna("-").tolist() == ["joy", "sad", "-", "anger"]
    assert frame["face_confidence"].tolist()[2] == 0.9
    understood = run("validate", "preds.parquet", cwd=folder)  # as every other command reads it
    assert understood.returncode == 0, understood.stderr
    assert "voice (silent on 1, no class scores), face (silent on 1, no class scores)" in " ".join(
        understood.stdout.split()
    )


def test_json_stands_alone_and_options_reach_the_reader(folder):
    done = run("collect", *FILES, "-o", "p.parquet", "--json", "--confidence-scale", "percent", cwd=folder)
    report = json.loads(done.stdout)
    assert report["agents"]["voice"]["outcomes"] == {
        "clean": 2,
        "mapped": 0,
        "repaired": 1,
        "refused": 1,
        "unusable": 0,
    }
    assert pd.read_parquet(folder / "p.parquet")["voice_confidence"][0] == pytest.approx(0.007)


def test_warnings_and_errors_are_one_sentence_and_leave_nothing(folder):
    (folder / "replies" / "voice.jsonl").write_text('{"id": "clip0", "reply": "joy"}\n{"id": "x", "reply": "joy"}\n')
    done = run("collect", *FILES, "-o", "p.parquet", cwd=folder)
    assert done.stderr == "warning: 1 replies to 1 ids that truth.csv does not have are dropped ('x' for one)\n"
    (folder / "replies" / "voice.jsonl").write_text("{")
    for name, said in (("q.parquet", "line 1 of voice.jsonl is not JSON"), ("q.csv", "q.csv is written as parquet")):
        done = run("collect", *FILES, "-o", name, cwd=folder)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {said}")
        assert done.stderr.count("\n") == 1
    assert not list(folder.glob("*q.*"))
    assert run("collect", "-o", "q.parquet", "--labels", "labels.yaml", cwd=folder).returncode == 2
