# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
# What stands in the clone and is not tracked: .venv, the BPF object, the extension, the wheel. Each
# has a stamp, the hash of what it was made from; it is made again when the stamp differs or the
# thing itself is gone.

# hash_of PATH...: the hash of the files git tracks or would track below PATH, and of where this
# clone stands.
hash_of() {
    {
        echo "$here"
        if [ -e .git ]; then
            git ls-files -z --cached --others --exclude-standard -- "$@" ":!*.o" ":!*.so"
        else
            find "$@" -type f ! -name '*.so' ! -name '*.o' ! -name '*.pyc' -print0
        fi 2>/dev/null | LC_ALL=C sort -zu | xargs -0r sha256sum 2>/dev/null
    } | sha256sum | cut -d' ' -f1
}

# stamped FILE HASH: whether FILE says HASH.
stamped() {
    [ "$(cat "$1" 2>/dev/null)" = "$2" ]
}

build_requirements='
import tomllib
print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"]))'

# Build requirements first, so that one environment serves all: pip would make another one for every
# build. An environment that works is kept: somebody may be using it.
install_venv() {
    works .venv/bin/pip --version || "$python" -m venv --clear .venv || return
    "$python" -c "$build_requirements" >.venv/build-requirements.txt || return
    .venv/bin/pip install --requirement .venv/build-requirements.txt || return
    .venv/bin/pip install --no-build-isolation --editable '.[dev]'
}

works() {
    "$@" >/dev/null 2>&1
}

build_extension() {
    .venv/bin/python setup.py build_bpf build_ext --inplace &&
        .venv/bin/python setup.py build_bpf --fault-injection
}

build_wheel() {
    rm -rf build/wheel
    .venv/bin/pip wheel --no-deps --no-build-isolation --wheel-dir build/wheel . &&
        cp tools/dev/constraints.txt build/wheel/
}

wheel() {
    echo "$here"/build/wheel/*.whl
}

built() {
    for product in ocihook/_bpf/ocihook.bpf.o build/fault/ocihook.bpf.o ocihook/_bpf/*.so; do
        [ -e "$product" ] || return 1
    done
}

# prepare: everything a command needs to run from the clone. One at a time in a clone.
prepare() {
    prepare_machine
    mkdir -p build
    exec 9>build/.lock
    flock 9
    prepare_libbpf
    hash=$(hash_of pyproject.toml setup.py)
    if ! stamped .venv/stamp "$hash" || ! works .venv/bin/python -c ''; then
        step "making the virtual environment" install_venv
        echo "$hash" >.venv/stamp
        rm -f build/stamp
    fi
    hash=$(hash_of bpf ocihook/_bpf pyproject.toml setup.py)
    if ! stamped build/stamp "$hash" || ! built; then
        step "building the BPF object and the extension" build_extension
        echo "$hash" >build/stamp
    fi
    exec 9>&-
}

# prepare_wheel: the wheel, which is what guests get installed.
prepare_wheel() {
    exec 9>build/.lock
    flock 9
    hash=$(hash_of bpf ocihook schemas hooks.d LICENSES pyproject.toml setup.py README.md \
        tools/dev/constraints.txt)
    if ! stamped build/wheel.stamp "$hash" || [ ! -e "$(wheel)" ]; then
        step "building the wheel" build_wheel
        echo "$hash" >build/wheel.stamp
    fi
    exec 9>&-
}

# prepare_bench: what the benchmark takes into the guest; its probe is static, guests have no compiler.
prepare_bench() {
    rm -rf build/with-bench
    mkdir -p build/with-bench/bench
    cp tools/bench/*.py build/with-bench/bench/
    cc -O2 -Wall -static -o build/with-bench/bench/probe tools/bench/probe.c
}

clean() {
    rm -rf .venv build ./*.egg-info
    rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
    find ocihook bpf -name '*.so' -delete -o -name '*.o' -delete
    find . -name __pycache__ -prune -exec rm -rf {} +
    if [ "${1:-}" = --cache ]; then
        rm -rf "$cache"
    fi
}
