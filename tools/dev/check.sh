# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# ./dev check: what can be said of the sources without running them. All of it, even if the first
# thing fails.

# Host names of package registries and paths of somebody's machine must not stand in the repository:
# mirrors are read from the machine's configuration. (Written with brackets so that this file does
# not match itself.)
foreign_names='(deb|ftp|security|snapshot|backports)[.]debian[.]|pypi[.](org|python)'
foreign_names=$foreign_names'|pythonhosted[.]|npmjs[.]|crates[.]io'
home_paths='/(home|Users)/[a-z]'

# Of each failure; the rest is for who runs the command itself.
shown_lines=40

no_foreign_names() {
    if git grep --untracked -n -I -E "$foreign_names|$home_paths"; then
        echo "these lines name a package registry or somebody's home directory; take them out"
        return 1
    fi
}

shell_scripts_parse() {
    for script in dev .ci/run tools/dev/*.sh tests/vm/guest/*.sh tests/vm/guest/root/usr/sbin/*; do
        sh -n "$script" || return
    done
}

check_one() {
    name=$1
    shift
    output=$("$@" 2>&1) && return
    say "$name: failed: $*"
    printf '%s\n' "$output" | head -n "$shown_lines" | sed 's/^/    /' >&2
    more=$(($(printf '%s\n' "$output" | wc -l) - shown_lines))
    [ "$more" -le 0 ] || say "$name: and $more lines more"
    failed="$failed $name"
}

check() {
    failed=
    started=$(date +%s)
    check_one format .venv/bin/ruff format --check
    check_one lint .venv/bin/ruff check
    check_one types .venv/bin/mypy
    check_one layers .venv/bin/lint-imports
    check_one bpf-format clang-format-19 --dry-run -Werror bpf/*.[ch] tools/bench/*.c
    check_one abi .venv/bin/python tools/gen_abi.py --check
    check_one reference .venv/bin/python tools/gen_reference.py --check
    check_one shell shell_scripts_parse
    check_one names no_foreign_names
    [ -z "$failed" ] || die "check: failed:$failed"
    took=$(($(date +%s) - started))
    say "check: format, lint, types, layers, ABI, reference, shell and names are right ($took s)"
}
