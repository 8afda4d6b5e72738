#!/bin/sh
# Installs the package as strangers do, each time in an empty environment: from the sdist, and editably.
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

"$PYTHON" -m venv "$work/editable"
"$work/editable/bin/"$pip "meson-python>=0.18" "meson>=1.3" ninja
git clone --quiet "$root" "$work/tree"
(cd "$work/tree" && PATH="$work/editable/bin:$PATH" "$work/editable/bin/"$pip --no-build-isolation --editable .)
check "$work/editable"
echo "packaging: an editable install works"
