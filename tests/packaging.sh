#!/bin/sh
# Installs the package as strangers do: from the sdist and editably in empty environments, and where no compiler is.
# PYTHON is the interpreter; BUILD the folder of one that has `build` and meson-python. Only committed files are tested.
set -eu
root=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip="pip install --quiet --disable-pip-version-check"

check() { # $1: environment
    cd "$work"
    "$1/bin/sabotage" --version
    "$1/bin/sabotage" demo -o "$1/demo" --permutations 100 >"$1/said"
    grep -q "sabotages" "$1/said"
    test -s "$1/demo/report.html"
    "$1/bin/python" -c "import sabotage.cli, sabotage.kernels._core, sabotage.reports.page; sabotage.read_panel"
    site=$("$1/bin/python" -c "import sysconfig; print(sysconfig.get_path('platlib'))")
    for name in cli cli.py kernels reports; do
        if test -e "$site/$name"; then
            echo "$name landed in site-packages" >&2
            exit 1
        fi
    done
    cd "$root"
}

PATH="$BUILD:$PATH" "$BUILD/python" -m build --sdist --no-isolation --outdir "$work/dist" . >"$work/build.log" 2>&1 ||
    { cat "$work/build.log" >&2; exit 1; }
"$PYTHON" -m venv "$work/sdist"
"$work/sdist/bin/"$pip "$work"/dist/*.tar.gz
check "$work/sdist"
if find "$work/sdist/lib" -path '*/sabotage/*' \( -name '_core.c' -o -name '*.part' \) | grep .; then
    echo "a source or a temporary file was installed" >&2
    exit 1
fi
echo "packaging: sdist -> wheel -> install in an empty environment works"

# With no compiler on the PATH the same sdist installs without the core; the environment keeps its dependencies.
permute() { # $1: where the JSON goes
    "$work/sdist/bin/sabotage" permute "$work/sdist/demo/preds.parquet" --permutations 1000 --json >"$1" 2>"$work/said" ||
        { cat "$work/said" >&2; exit 1; }
}
permute "$work/core.json"
if test -s "$work/said"; then
    cat "$work/said" >&2
    exit 1
fi
(unset CC && PATH="$work/sdist/bin" "$work/sdist/bin/"$pip --force-reinstall --no-deps "$work"/dist/*.tar.gz)
if find "$work/sdist/lib" -path '*/sabotage/*' -name '_core.*' ! -name '*.pyi' | grep .; then
    echo "the core was built without a compiler on the PATH" >&2
    exit 1
fi
permute "$work/numba.json"
if test "$(grep -c "^warning: the C core is not there" "$work/said")" -ne 1 || test "$(wc -l <"$work/said")" -ne 1; then
    echo "without the core, one warning should say so: found" >&2
    cat "$work/said" >&2
    exit 1
fi
cmp "$work/core.json" "$work/numba.json"
echo "packaging: without a compiler it installs too, says that the core is not there, and computes the same"

"$PYTHON" -m venv "$work/editable"
"$work/editable/bin/"$pip "meson-python>=0.18" "meson>=1.3" ninja
git clone --quiet "$root" "$work/tree"
(cd "$work/tree" && PATH="$work/editable/bin:$PATH" "$work/editable/bin/"$pip --no-build-isolation --editable .)
check "$work/editable"
echo "packaging: an editable install works"
