# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the guest is for: run the command, hand back its status and /out, end the machine. Sourced by
# init.sh, or a program of rig.service.

# Variables of this run: RIG_* for this script, and those the command shall see.
set -a
. /rig/env
set +a

# Held open: the console forgets its settings when nobody has it open (hvc's RESET_TERMIOS).
exec 3<>/dev/hvc0
stty -opost -echo <&3
if [ -n "$RIG_COLUMNS" ]; then
    # The person's terminal is at the other end: the command may draw on it.
    stty cols "$RIG_COLUMNS" rows "$RIG_LINES" <&3
    out=/dev/hvc0
else
    # A pipe, as on the outside. Not hvc0, which would look like a terminal.
    out=/run/rig.out
    mkfifo "$out"
    cat "$out" >&3 &
    reader=$!
fi

# Held open: a serial port that nothing has open gives no interrupts, and the rig asks through it.
exec 4<>/dev/ttyS0

cd /with || exit
(exec setsid sh /rig/command </dev/null >"$out" 2>&1 3>&- 4>&-)
echo "$?" >/rig/status

# The reader ends with the last writer. A process the command left behind may hold the pipe for
# ever: not longer than 2 s.
if [ -n "$reader" ]; then
    tries=0
    while [ "$tries" -lt 20 ] && kill -0 "$reader" 2>/dev/null; do
        sleep 0.1
        tries=$((tries + 1))
    done
fi

# The status first, the end mark last: what is cut off by a disk too small is seen as that.
touch /rig/end
tar -C / -cf "$RIG_OUT" rig/status out rig/end
sync
# A reset, which ends QEMU (-no-reboot), and not power-off: after a suspend to memory the emulated
# machine's ACPI registers are gone, and with them the way to switch it off (QEMU 10, q35).
echo b >/proc/sysrq-trigger
sleep 60
