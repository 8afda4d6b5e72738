"""The npz layout of the published code: what is read of it, that its test comes out, and what is refused."""

import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import SabotageError, SabotageWarning, npz, permute, replay
from sabotage.converting import convert


def binary(n=250, seed=0, missing=0.0):
    """Draw what such a file holds: probabilities of the second class, qualities, masks, truth."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, n)
    quality = random.random((n, 2))
    p = 1 / (1 + np.exp(-(0.5 * (2 * y[:, None] - 1) + random.normal(0, 1, (n, 2)) * (1.2 - 0.5 * quality))))
    quality[random.random(n) < 0.1] = 0.0
    mask = random.random((n, 2)) >= missing
    return {"p_a": p[:, 0], "p_v": p[:, 1], "Qa": quality[:, 0], "Qv": quality[:, 1], "mask": mask, "y": y}


def written(folder, arrays, name="scores.npz"):
    np.savez(folder / name, **arrays)
    return str(folder / name)


def published(p, q, mask, y, n_rounds, seed):
    """Shuffle each modality's quality within its present rows; late fusion by q / sum q; balanced accuracy at .5."""
    random = np.random.default_rng(seed)

    def score(q):
        held = np.where(mask, q, 0.0)
        total = held.sum(axis=1, keepdims=True)
        weights = np.where(total > 0, held / np.where(total > 0, total, 1), mask / mask.sum(axis=1, keepdims=True))
        decided = (weights * p).sum(axis=1) >= 0.5
        return np.mean([(decided[y == c] == c).mean() for c in (0, 1)])

    broken = []
    for _ in range(n_rounds):
        moved = q.copy()
        for m in range(q.shape[1]):
            present = np.flatnonzero(mask[:, m])
            moved[present, m] = q[random.permutation(present), m]
        broken.append(score(moved))
    clean, broken = score(q), np.array(broken)
    return clean, broken, (1 + np.count_nonzero(broken >= clean - 1e-12)) / (n_rounds + 1)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_published_test_comes_out(tmp_path, seed):
    arrays = binary(seed=seed)
    panel = convert([written(tmp_path, arrays)], "quality-npz")
    p, q = (np.stack([arrays[f"{kind}{m}"] for m in "av"], axis=1) for kind in ("p_", "Q"))
    n_rounds = 2000
    clean, broken, p_value = published(p, q, arrays["mask"], arrays["y"], n_rounds, seed)
    found = permute(replay(panel, "weighted_mean"), scheme="independent", n_permutations=n_rounds)
    error = broken.std() * (2 / n_rounds) ** 0.5
    assert found.clean == pytest.approx(clean, abs=1e-12)
    assert found.broken_mean == pytest.approx(broken.mean(), abs=4.5 * error)
    assert found.p_value == pytest.approx(p_value, abs=4.5 * (2 * max(p_value * (1 - p_value), 1e-3) / n_rounds) ** 0.5)


def test_who_is_masked_is_silent_and_the_clean_score_stays_the_published_one(tmp_path):
    arrays = binary(missing=0.3)
    arrays["mask"][~arrays["mask"].any(axis=1), 0] = True
    panel = convert([written(tmp_path, arrays)], "quality-npz")
    assert (panel.spoke == arrays["mask"]).all()
    p, q = (np.stack([arrays[f"{kind}{m}"] for m in "av"], axis=1) for kind in ("p_", "Q"))
    clean, _, _ = published(p, q, arrays["mask"], arrays["y"], 1, 0)
    assert permute(replay(panel, "weighted_mean"), n_permutations=1).clean == pytest.approx(clean, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(2, 4), st.integers(0, 10_000), st.sampled_from(["Q", "Q_", "q_"]), st.booleans())
def test_every_number_arrives(tmp_path_factory, n, n_classes, seed, spelling, each):
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n)
    p = np.round(random.random((n, n_classes)), 1)
    mask, quality = (random.random(n) < 0.7), random.random(n)
    p[~mask] = np.nan
    arrays = {"y": y, "p_a": p, f"{spelling}a": quality, **({"mask_a": mask} if each else {})}
    table = npz.read(written(tmp_path_factory.getbasetemp(), arrays)).to_pydict()
    assert table["y"] == y.tolist()
    for i in range(n):
        shown = [table[f"a_p_{c}"][i] for c in range(n_classes)]
        if not mask[i]:
            assert shown == [None] * n_classes
            assert table["a_label"][i] is None
            assert table["a_reliability"][i] is None
            continue
        assert shown == p[i].tolist()
        assert table["a_reliability"][i] == quality[i]
        best = [c for c in range(n_classes) if p[i, c] == p[i].max()]
        assert table["a_label"][i] == (best[-1] if n_classes == 2 else best[0])


def test_what_stands_where_the_mask_is_0_does_not_count(tmp_path):
    arrays = binary(20) | {"mask": np.c_[np.zeros(20), np.ones(20)]}
    arrays |= {"p_a": np.full(20, -999.0), "Qa": np.full(20, np.nan)}
    assert npz.read(written(tmp_path, arrays))["a_label"].null_count == 20


def test_the_fused_probability_is_the_recorded_decision(tmp_path):
    arrays = binary(50)
    fused = (arrays["p_a"] + arrays["p_v"]) / 2
    panel = convert([written(tmp_path, {"p_fused": fused, **arrays})], "quality-npz")
    assert panel.agents == ("a", "v")
    assert panel.fused_label.tolist() == (fused >= 0.5).astype(int).tolist()
    assert panel.fused_scores[:, 1].tolist() == fused.tolist()


def test_half_is_the_positive_class():
    probabilities = np.array([0.5, 0.4999, np.nextafter(0.5, 0), 0.0, 1.0])
    path_free = npz._probabilities(probabilities, "p_a", 5, None, "x.npz")
    assert (path_free[:, 1] >= path_free[:, 0]).tolist() == (probabilities >= 0.5).tolist()


def test_folds_come_from_names_and_other_columns_are_kept(tmp_path):
    files = []
    for k in (1, 12):
        arrays = binary(40, k) | {"ids": np.arange(40) + 100 * k, "subject": np.array([f"s{i % 9}" for i in range(40)])}
        files.append(written(tmp_path, arrays, f"cv_fold{k}.npz"))
    panel = convert(files, "quality-npz", group="subject")
    assert panel.columns["fold"].to_pylist() == [1] * 40 + [12] * 40
    assert panel.group == "subject"
    assert panel.ids.to_pylist() == [*range(100, 140), *range(1200, 1240)]
    panel.to_parquet(tmp_path / "preds.parquet")
    again = convert([str(tmp_path / "preds.parquet")])
    assert again.labels.tolist() == panel.labels.tolist()
    assert again.columns.keys() == panel.columns.keys()


@pytest.mark.parametrize(
    ("name", "fold"), [("fold3", 3), ("run_fold-07", 7), ("FOLD_2_x", 2), ("manifold3", None), ("scores", None)]
)
def test_which_names_tell_a_fold(tmp_path, name, fold):
    table = npz.read(written(tmp_path, binary(20), f"{name}.npz"))
    assert ("fold" in table.column_names) == (fold is not None)
    if fold is not None:
        assert set(table["fold"].to_pylist()) == {fold}
    held = npz.read(written(tmp_path, binary(20) | {"fold": np.array(9), "seed": np.arange(20)}, f"{name}.npz"))
    assert set(held["fold"].to_pylist()) == {9}
    assert held["seed"].to_pylist() == list(range(20))


def test_what_is_not_read_is_said(tmp_path):
    with pytest.warns(SabotageWarning, match=r"scores.npz: more not read"):
        npz.read(written(tmp_path, binary(20) | {"more": np.zeros(3)}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        npz.read(written(tmp_path, binary(20)))


REFUSED = [
    ({"p_a": np.full(20, 1.5)}, r"p_a must lie in \[0, 1\]: found 1.5 at index 0"),
    (
        {"p_a": np.r_[np.zeros(4), np.nan, np.zeros(15)]},
        "p_a must be a number where its mask is 1: found nan at index 4",
    ),
    ({"p_a": np.zeros(19)}, r"p_a must be of shape \(20,\): found \(19,\)"),
    ({"p_a": np.zeros((19, 2))}, r"p_a must be numbers of shape \(20,\) or \(20, C\)"),
    ({"p_a": np.zeros((20, 3))}, "must score the same classes: found p_a of 3, p_v of 2"),
    ({"p_a": np.array(["x"] * 20)}, "p_a must be numbers"),
    ({"Qa": np.r_[np.nan, np.ones(19)]}, "Qa must be a number where its mask is 1: found nan at index 0"),
    ({"Qa": np.full(20, -1.0)}, r"Qa must lie in \[0, inf\): found -1 at index 0"),
    ({"Q_a": np.ones(20)}, "Qa and Q_a could each be meant"),
    ({"mask": np.ones((20, 3))}, r"mask must be of shape \(20, 2\), for a, v: found \(20, 3\)"),
    ({"mask": np.full((20, 2), 2)}, "mask must be 1 or 0: found 2 at index 0"),
    ({"mask_a": np.ones(20)}, "mask_a and mask could each be the mask of a"),
    ({"y": np.full(20, 2)}, "y must lie in 0 to 1: found 2 at index 0"),
    ({"y": np.full(20, 0.5)}, "y must be whole numbers: found 0.5 at index 0"),
    ({"labels": np.zeros(20)}, "y and labels could each be meant"),
    ({"ids": np.zeros(3)}, r"ids must be of shape \(20,\): found \(3,\)"),
    ({"p_a": np.array([None] * 20)}, "the array p_a holds Python objects"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_sentence(tmp_path, change, said):
    path = written(tmp_path, binary(20) | change)
    with pytest.raises(SabotageError, match=rf"^scores.npz: .*{said}"):
        npz.read(path)


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    written(tmp_path, binary(20))
    (tmp_path / "torn.npz").write_bytes((tmp_path / "scores.npz").read_bytes()[:300])
    (tmp_path / "text.npz").write_text("hello")
    written(tmp_path, {"y": np.zeros(3)}, "no_p.npz")
    written(tmp_path, {"p_a": np.zeros(3)}, "no_y.npz")
    for name, said in (
        ("one.npy", "is one array alone"),
        ("torn.npz", "is no npz file, or is torn"),
        ("text.npz", "is no npz file"),
        ("none.npz", "no such file"),
        ("no_p.npz", "has no array p_<modality>, such as p_audio: found y"),
        ("no_y.npz", "has no array y or labels or y_true: found p_a"),
    ):
        with pytest.raises(SabotageError, match=said):
            npz.read(str(tmp_path / name))


def test_other_machines_byte_order(tmp_path):
    arrays = drawn_arrays() | {
        "ids": np.arange(30) + 5,
        "fold": np.zeros(30, np.int32),
        "subject": np.arange(30).astype("U3"),
    }
    turned = {key: array.astype(array.dtype.newbyteorder(">")) for key, array in arrays.items()}
    assert npz.read(written(tmp_path, turned)).equals(npz.read(written(tmp_path, arrays, "own.npz")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": np.where(np.arange(30) == 3, np.inf, 1)}, "y must be whole numbers: found inf at index 3"),
        ({"y": np.where(np.arange(30) == 3, 2.0**63, 1)}, r"y must be whole numbers: found 9.22337e\+18 at index 3"),
        ({"ids": np.full(30, b"\xff")}, r"ids must be numbers or texts \(UTF-8\): found \|S1"),
        ({"ids": np.zeros(30, complex)}, r"ids must be numbers or texts \(UTF-8\): found complex128"),
    ],
)
def test_columns_that_no_table_holds(tmp_path, change, said):
    with pytest.raises(SabotageError, match=said):
        npz.read(written(tmp_path, drawn_arrays() | change))


def test_a_zip_of_other_things_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("p_a", b"no array")
        file.writestr("y", b"nor this")
    with pytest.raises(SabotageError, match=r"x\.npz: p_a, y is no array"):
        npz.read(str(tmp_path / "x.npz"))


def drawn_arrays(n=30):
    random = np.random.default_rng(1)
    return {"p_a": random.random(n), "Qa": random.random(n), "y": random.integers(0, 2, n)}
