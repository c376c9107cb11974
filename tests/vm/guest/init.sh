# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The middle of the guest's PID 1, sourced by rig-boot: mount, make the project ready, and go on with
# session.sh, or become systemd, which has it as a unit.

mkdir /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -a
echo "+cpu +cpuset +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control ||
    echo "rig: cgroup controllers could not be enabled"
echo guest >/proc/sys/kernel/hostname
ip link set lo up

. /rig/env

# The project changes with every run, so it is compiled here and not in the image. Unchecked: tar's
# times are not the files'.
if [ -d "$RIG_SITE/ocihook" ]; then
    python3 -IS -m compileall -q --invalidation-mode unchecked-hash "$RIG_SITE/ocihook"
fi

disk_of_nsid 3 || exit
echo "RIG_OUT=$disk" >>/rig/env

if [ "$RIG_INIT" = systemd ]; then
    # Nothing of what it does after an upgrade of the distribution is wanted: seconds.
    touch /etc/.updated /var/.updated
    # It keeps the mounts that it finds, and starts rig.service in place of a target.
    exec /usr/lib/systemd/systemd --unit=rig.service
fi
. /rig/session.sh
