# SPDX-License-Identifier: Apache-2.0
"""From a container's pid to its cgroup: the id, and the directory as seen from here.

Two sources that know nothing of each other have to agree. From outside:
``/proc/PID/cgroup`` names the task's cgroup, the mount table says where that is.
From inside: the root of the container's cgroup namespace, which stays the
container's own when systemd in it, or crun's delegation, moves the task deeper.
The root has to lie on the path.

No cgroup2 is mounted from the initial cgroup namespace, though that would save
the mount table: such a mount without options switches off ``nsdelegate`` and
``memory_recursiveprot`` for the whole machine (kernel/cgroup/cgroup.c,
apply_cgroup_root_flags; seen on 6.18).
"""

import errno
import posix as os

from ocihook import procfs
from ocihook.errors import CgroupError, ProcessGone, SystemCallError
from ocihook.hook.identity import demand_same, pin, unseen
from ocihook.mountinfo import Mount, MountTable
from ocihook.paths import CELL_MARK

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_MAX_FILE_BYTES = 65536
_DELETED = " (deleted)"  # kernel/cgroup/cgroup.c, proc_cgroup_show, of a cgroup that is gone
_V2_HINT = "ocihook needs cgroup v2 alone, as systemd.unified_cgroup_hierarchy=1 boots it"
_INITIAL_NAMESPACE = "cgroup:[4026531835]"  # include/linux/proc_ns.h, PROC_CGROUP_INIT_INO


class Cgroup:
    """A container's cgroup: ``cgid``, ``path`` below our namespace's root, open ``directory``."""

    __slots__ = ("cgid", "directory", "path")

    def __init__(self, cgid: int, path: str, directory: int) -> None:
        self.cgid = cgid
        self.path = path
        self.directory = directory

    def __enter__(self) -> "Cgroup":
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self.directory)

    def read(self, name: str) -> str | None:
        """Return the text of the control file `name`, stripped.

        None when it is not there (its controller is off here) or has no answer
        (the cgroup is being removed).
        """
        try:
            file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.directory)
            try:
                return os.read(file, _MAX_FILE_BYTES).decode("ascii").strip()
            finally:
                os.close(file)
        except OSError:
            return None

    def parent_cgid(self) -> int:
        """Return the id of the cgroup that the container's engine has put it into.

        That is the one above, without scopes of systemd's: each is a container's own, and crun
        makes the container's cgroup below its scope. Itself, where what is above cannot be seen.
        """
        above = self.path.split("/")[:-1]
        up = ".."
        while above and above.pop().endswith(".scope"):
            up += "/.."
        try:
            status = os.stat(up, dir_fd=self.directory)
            here = os.fstat(self.directory)
        except OSError:
            return self.cgid
        return status.st_ino if status.st_dev == here.st_dev else self.cgid

    def mark(self, mark: bytes) -> None:
        """Write the wanted cell to the directory, for a scheduler that starts later.

        Raises:
            SystemCallError: when it cannot be written.
        """
        try:
            os.setxattr(self.directory, CELL_MARK, mark)
        except OSError as error:
            raise SystemCallError(
                f"cgroup {self.path}: cannot set {CELL_MARK}",
                error.errno or 0,
                "a restart of the scheduler will forget this container",
            ) from None


def find(pid: int, proc: str = "/proc", *, joined: bool = False) -> Cgroup:
    """Return the cgroup of the container whose first process is `pid`.

    Enters the container's cgroup namespace and stays there: for a process that
    ends soon. Not one that it has `joined`: the root of that is another
    container's, or one above both. `proc` is where procfs is.

    Raises:
        ProcessGone: when the process has ended.
        ProcessHidden: when procfs does not show it.
        CgroupError: when the cgroup cannot be had, or must not become a cell.
        SystemCallError: when the kernel refuses, as it does to rootless users.
    """
    pidfd = pin(pid, proc)
    try:
        own_path = unified_path(procfs.read(f"{proc}/self/cgroup"), "the hook")
        path, namespace = _where(pidfd, pid, proc)
        demand_same(pidfd, pid, proc)
        mountinfo = procfs.read(f"{proc}/self/mountinfo")
        try:
            directory = _open(path, mountinfo)
        except FileNotFoundError as error:
            # A cgroup may have such a name, too; but then it is there.
            if _where(pidfd, pid, proc)[0] == path and not path.endswith(_DELETED):
                raise _unseen(path, error) from None
            raise ProcessGone(f"cgroup {path}: removed") from None
        try:
            if not joined and namespace != os.readlink(f"{proc}/self/ns/cgroup"):
                path = _climb_to_namespace_root(pidfd, pid, namespace, path, directory)
            _refuse_shared(path, own_path)
            return Cgroup(os.fstat(directory).st_ino, path, directory)
        except BaseException:
            os.close(directory)
            raise
    finally:
        os.close(pidfd)


def _where(pidfd: int, pid: int, proc: str) -> tuple[str, str]:
    """Return the path of a task's cgroup, and its cgroup namespace."""
    try:
        path = unified_path(procfs.read(f"{proc}/{pid}/cgroup"), f"pid {pid}")
        return path, os.readlink(f"{proc}/{pid}/ns/cgroup")
    except (FileNotFoundError, ProcessLookupError):
        raise unseen(pidfd, pid, proc) from None
    except PermissionError as error:
        raise SystemCallError(f"pid {pid}: cgroup namespace", error.errno or 0) from None


def _unseen(path: str, error: OSError) -> CgroupError:
    """Say that a cgroup is not to be found, though it is there: the kernel would say (deleted)."""
    return CgroupError(
        f"cgroup {path}: a process is in it, and there is no {error.filename}",
        "look at /proc/self/mountinfo: what is mounted there shows another part of the hierarchy",
    )


def unified_path(text: str, whose: str) -> str:
    """Take the cgroup v2 path out of a /proc/PID/cgroup (cgroups(7)).

    Raises:
        CgroupError: when the cpu controller is on v1, or the cgroup is outside of our cgroup
            namespace.
    """
    path = ""
    for line in procfs.lines(text):
        hierarchy, _, rest = line.partition(":")
        controllers, _, where = rest.partition(":")
        if hierarchy == "0" and not controllers:
            path = where
        elif "cpu" in controllers.split(",") or "cpuset" in controllers.split(","):
            # Other controllers on v1 beside v2 do no harm: some VPNs mount net_cls.
            raise CgroupError(
                f"cgroup of {whose}: the {controllers} controller is on cgroup v1", _V2_HINT
            )
    if not path:
        raise CgroupError(f"cgroup of {whose}: not in cgroup v2", _V2_HINT)
    if (path + "/").startswith("/../"):
        raise CgroupError(
            f"cgroup of {whose}: {path} is outside of the hook's cgroup namespace",
            "run the hook in the host's cgroup namespace",
        )
    return path


def unified_mount(mountinfo: str, path: str) -> tuple[str, int]:
    """Find the directory of the cgroup `path` in /proc/self/mountinfo (proc(5)).

    Returns:
        the directory's path, and the device number that it has to have.

    Raises:
        CgroupError: when no mount of cgroup v2 shows it.
    """
    table = MountTable(mountinfo)
    covered = None
    for mount in table.of_kind("cgroup2"):
        root = mount.root.rstrip("/")
        if path == root or path.startswith(root + "/"):
            where = mount.point + path[len(root) :].rstrip("/")
            seen = table.holding(where)
            if seen is not None and seen.id == mount.id:
                major, _, minor = mount.device.partition(":")
                return where, os.makedev(int(major), int(minor))
            covered = covered or _covered(path, mount, seen)
    raise covered or CgroupError(f"cgroup {path}: no mount of cgroup v2 shows it", _V2_HINT)


def _covered(path: str, mount: Mount, cover: Mount | None) -> CgroupError:
    if cover is None:
        return CgroupError(f"cgroup {path}: {mount.point} is out of reach", "leave the chroot")
    return CgroupError(
        f"cgroup {path}: the mount of cgroup v2 at {mount.point} is covered by {cover.kind} at"
        f" {cover.point}",
        f"umount {cover.point}",
    )


def _open(path: str, mountinfo: str) -> int:
    where, device = unified_mount(mountinfo, path)
    try:
        directory = os.open(where, _DIRECTORY)
    except FileNotFoundError:
        raise  # the caller finds out why
    except OSError as error:
        raise SystemCallError(f"cgroup {where}: cannot be opened", error.errno or 0) from None
    if os.fstat(directory).st_dev != device:
        os.close(directory)
        raise CgroupError(f"cgroup {where}: something else is mounted over it", _V2_HINT)
    return directory


def _climb_to_namespace_root(
    pidfd: int, pid: int, namespace: str, path: str, directory: int
) -> str:
    """Enter the container's cgroup namespace, and make `directory` and the path its root."""
    from ocihook._bpf.syscalls import CLONE_NEWCGROUP, cgroup_namespace_root, setns

    if namespace == _INITIAL_NAMESPACE:
        raise CgroupError(
            f"pid {pid}: is in the initial cgroup namespace, the hook is not",
            "run the hook in the host's cgroup namespace",
        )
    try:
        setns(pidfd, CLONE_NEWCGROUP)
    except SystemCallError as error:
        if error.errno == errno.ESRCH:
            raise ProcessGone(f"pid {pid}: ended") from None
        raise
    root = cgroup_namespace_root()
    try:
        wanted = os.fstat(root)
    finally:
        os.close(root)
    at = path
    while True:
        here = os.fstat(directory)
        if (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino):
            return at
        if at == "/":
            raise CgroupError(
                f"cgroup {path}: not below the root of its cgroup namespace ({wanted.st_ino})",
                "the process has been moved out of its container's cgroup, or has joined another"
                " container's namespace",
            )
        parent = os.open("..", _DIRECTORY, dir_fd=directory)
        os.dup2(parent, directory, inheritable=False)
        os.close(parent)
        at = at.rpartition("/")[0] or "/"


def _refuse_shared(path: str, own_path: str) -> None:
    hint = "let the runtime create a cgroup for it; podman: not --cgroups=disabled"
    if path == "/":
        raise CgroupError("cgroup /: the root of the hierarchy is not a container's", hint)
    if own_path == path or own_path.startswith(path + "/"):
        message = f"cgroup {path}: shared with the runtime that started the container"
        raise CgroupError(message, hint)
