# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
# ./dev test: prepare, check, choose, then pytest with the table that tests/table prints at the end.

misused() {
    say "$@"
    exit 64 # os.EX_USAGE
}

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

# timed NAME COMMAND...: run COMMAND, and tell the table how long it took.
timed() {
    timed_name=$1
    timed_ms=$(now_ms)
    shift
    "$@"
    OCIHOOK_STEPS_MS="$OCIHOOK_STEPS_MS $timed_name=$(($(now_ms) - timed_ms))"
}

run_test() {
    OCIHOOK_BEGAN_S=$(date +%s.%N)
    OCIHOOK_STEPS_MS=
    export OCIHOOK_BEGAN_S OCIHOOK_STEPS_MS
    mode='' all='' path='' base='' base_may_follow=''
    for argument in "$@"; do
        shift
        if [ -n "$base_may_follow" ]; then
            base_may_follow=
            case $argument in
            -*) ;;
            *)
                base=$argument
                continue
                ;;
            esac
        fi
        case $argument in
        --quick | --changed)
            [ -z "$mode" ] || misused "test $mode $argument: say one of them"
            mode=$argument
            [ "$mode" = --quick ] || base_may_follow=yes
            continue
            ;;
        --all-kernels) all=$argument ;;
        *) [ ! -e "${argument%%::*}" ] || path=$argument ;;
        esac
        set -- "$@" "$argument"
    done
    if [ -n "$mode" ]; then
        [ -z "$all" ] || misused "test $mode $all: say one of them"
        [ -z "$path" ] || misused "test $mode $path: $mode chooses itself; leave out $path"
    fi

    selected=checks
    case $mode in
    --quick) set -- tests/unit tests/vm/test_guest.py --quick "$@" ;;
    --changed)
        # Before anything is built: a mistake shows at once. It needs nothing but Python and git.
        prepare_machine
        # shellcheck disable=SC2086
        selected=$("$python" -B tools/dev/changed.py $base) || exit
        # One argument a line: some have blanks.
        set -f
        IFS='
'
        # shellcheck disable=SC2086
        set -- $selected "$@"
        unset IFS
        set +f
        ;;
    *) [ -n "$path" ] || set -- tests/unit tests/build tests/runtime tests/vm "$@" ;;
    esac

    timed prepare prepare
    timed check check
    [ -n "$selected" ] || return 0
    timed wheel prepare_wheel
    OCIHOOK_WHEEL=$(wheel)
    export OCIHOOK_WHEEL
    exec .venv/bin/pytest -ptests.table "$@"
}
