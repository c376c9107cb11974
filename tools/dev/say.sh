# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Tell the person who waits what is done and for how long. All of it on standard error.

say() {
    printf '· %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# tick TEXT: count the seconds up, on a terminal in place, in a log one line every 15 s to show that
# it is alive.
tick() {
    seconds=0
    pause=15 form='· %s ... %s s\n'
    [ -t 2 ] && pause=1 form='\r· %s ... %s s'
    # sleep must not hold our output open: it outlives the ticker, and a reader of a pipe would wait
    # for it. And the ticker must not outlive ./dev, which may be interrupted: Ctrl-C does not reach
    # what runs in the background.
    while sleep "$pause" >/dev/null 2>&1 && kill -0 "$$" 2>/dev/null; do
        seconds=$((seconds + pause))
        # shellcheck disable=SC2059
        printf "$form" "$1" "$seconds" >&2
    done
}

# step TEXT COMMAND...: run COMMAND, keep its output for the case that it fails, show TEXT and the
# seconds meanwhile.
step() {
    text=$1
    shift
    log=$(mktemp)
    started=$(date +%s)
    printf '· %s ...' "$text" >&2
    [ -t 2 ] || echo >&2
    tick "$text" &
    ticker=$!
    status=0
    "$@" </dev/null >"$log" 2>&1 || status=$?
    kill "$ticker" 2>/dev/null
    wait "$ticker" 2>/dev/null || :
    [ -t 2 ] && printf '\r' >&2
    if [ "$status" -ne 0 ]; then
        say "$text: failed after $(($(date +%s) - started)) s; the end of its output:"
        tail -n 40 "$log" | sed 's/^/    /' >&2
        rm -f "$log"
        return "$status"
    fi
    rm -f "$log"
    say "$text: done in $(($(date +%s) - started)) s"
}
