# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The rest of the guest's PID 1, sourced by rig-boot: mount, run the command, hand back its status
# and /out, end the machine.

mkdir /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -a
echo "+cpu +cpuset +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control ||
    echo "rig: cgroup controllers could not be enabled"
echo guest >/proc/sys/kernel/hostname
ip link set lo up

# Variables of this run: RIG_* for this script, and those the command shall see.
set -a
. /rig/env
set +a

# The project changes with every run, so it is compiled here and not in the image. Unchecked: tar's
# times are not the files'.
if [ -d "$RIG_SITE/ocihook" ]; then
    python3 -IS -m compileall -q --invalidation-mode unchecked-hash "$RIG_SITE/ocihook"
fi

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

cd /with || exit
(exec setsid sh /rig/command </dev/null >"$out" 2>&1 3>&-)
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
disk_of_nsid 3 && tar -C / -cf "$disk" rig/status out rig/end
sync
# A reset, which ends QEMU (-no-reboot), and not power-off: after a suspend to memory the emulated
# machine's ACPI registers are gone, and with them the way to switch it off (QEMU 10, q35).
echo b >/proc/sysrq-trigger
sleep 60
