#!/bin/sh
# Runs the tests of the C core on builds that look for bad accesses, undefined behaviour and races, outside the tree.
# BIN is the folder of an environment that has sabotage's dependencies, pytest, meson and ninja.
set -eu
root=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CC="${CC:-gcc}" NUMBA_CACHE_DIR="$work/cache" PYTHONDONTWRITEBYTECODE=1
PATH="$BIN:$PATH"

# Python leaves memory to the end of the process, which is no leak. Only the core is built for TSan: Python, numpy and
# numba's machine code are not, and are not looked at; that they lock and unlock is.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1"

# Address randomisation can map something where a sanitizer wants its shadow; not every container may switch it off.
fixed=
if setarch -R true 2>/dev/null; then
    fixed="setarch -R"
fi

library() { # $1: name
    path=$("$CC" -print-file-name="lib$1.so")
    case $path in
        /*) echo "$path" ;;
        *) echo "sanitize: $CC has no lib$1.so" >&2; exit 1 ;;
    esac
}

# Both builds land in one folder, so that numba compiles once: its cache goes by path and time.
build() { # $1: what to sanitize
    rm -rf "$work/build"
    { meson setup "$work/build" "$root" --prefix=/ -Dpython.platlibdir=site -Dpython.bytecompile=-1 \
        -Dbuildtype=debugoptimized -Db_lundef=false -Db_sanitize="$1" \
        -Dc_args="-fno-sanitize-recover=all -fno-omit-frame-pointer" &&
        meson install -C "$work/build" --destdir "$work"; } >"$work/build.log" 2>&1 ||
        { cat "$work/build.log" >&2; exit 1; }
}

# A sanitizer that is not there would find nothing: what is tested has to be this build, and to call its runtime.
run() { # $1: a function of the runtime, $2: libraries to load first, the rest: tests
    wanted=$1 loaded=$2
    shift 2
    if ! nm -D "$work/site/sabotage/kernels/"_core*.so | grep -q " U $wanted"; then
        echo "sanitize: the core does not call $wanted" >&2
        exit 1
    fi
    # PYTHONMALLOC: every object a block of its own, with a fence. --capture=sys: a report comes from a dying process.
    # shellcheck disable=SC2086
    $fixed env LD_PRELOAD="$loaded" PYTHONPATH="$work/site" PYTHONMALLOC=malloc python -c '
import sys, pytest
from sabotage.kernels import _core
assert _core.__file__.startswith(sys.argv[1]), _core.__file__
sys.exit(pytest.main(sys.argv[2:]))
' "$work/site" -q -p no:cacheprovider --capture=sys "$@"
}

# The library of C++: numba's compiler throws, and ASan has to find what throws when it starts.
build address,undefined
asan=$(library asan)
ubsan=$(library ubsan)
cpp=$(library stdc++)
run __asan_report_store4 "$asan $ubsan $cpp" tests/kernels
echo "sanitize: no bad access and no undefined behaviour"

build thread
tsan=$(library tsan)
run __tsan_write8 "$tsan" tests/kernels/test_threads.py
echo "sanitize: no race"
