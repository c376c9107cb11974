# SPDX-License-Identifier: Apache-2.0
"""Findings in a config.json: where, how bad, in which words."""

import copy
import sys
from typing import Any

import pytest

from ocihook.validate import machine
from ocihook.validate.machine import Machine
from ocihook.validate.report import findings

CONFIG: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "process": {"cwd": "/", "args": ["true"]},
    "root": {"path": "/"},
    "mounts": [],
    "linux": {"namespaces": [{"type": "cgroup"}], "resources": {}},
}


@pytest.fixture(autouse=True)
def _four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "read", lambda: Machine(online=0b1111, nodes=0b1, possible=0xFF))


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `base` with the members of `change` put into it, at every depth."""
    result = copy.deepcopy(base)
    for name, value in change.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result


def cpu(**members: object) -> dict[str, Any]:
    return {"linux": {"resources": {"cpu": members}}}


def unified(**members: object) -> dict[str, Any]:
    names = {name.replace("_", "."): value for name, value in members.items()}
    return {"linux": {"resources": {"unified": names}}}


def process(**members: object) -> dict[str, Any]:
    return {"process": members}


def scheduler(policy: str, **members: object) -> dict[str, Any]:
    return process(scheduler={"policy": policy, **members})


def path(text: str) -> dict[str, Any]:
    return {"linux": {"cgroupsPath": text}}


def test_nothing_is_found_in_a_good_one() -> None:
    assert findings("config", CONFIG) == []


@pytest.mark.parametrize("cpus", ["0-3:1/2", "0 1,2", "0-1:1/2,3", ","])
def test_lists_that_the_kernel_reads_are_its_own(cpus: str) -> None:
    """With the cgroupfs driver, runc and crun write them into cpuset.cpus as they are."""
    for change in (cpu(cpus=cpus), unified(cpuset_cpus=cpus)):
        assert findings("config", merged(merged(CONFIG, path("/a/b")), change)) == []


P = "/linux/cgroupsPath"
R = "/linux/resources/cpu"
U = "/linux/resources/unified"
S = "/process/scheduler"
N = "/linux/namespaces"


@pytest.mark.parametrize(
    ("change", "pointer", "severity", "message"),
    [
        # The hook's own schema.
        (cpu(shares="1"), f"{R}/shares", "error", "'1' is not of type integer or null"),
        (cpu(shares=-1), f"{R}/shares", "error", "-1 is less than 0"),
        (cpu(cpus="0-"), f"{R}/cpus", "error", "cpulist '0-': expected a number at position 3"),
        (process(execCPUAffinity={"final": "1 2"}), "/process/execCPUAffinity/final", "error",
         "unexpected ' ' at position 2"),
        (unified(cpu_weight="0"), f"{U}/cpu.weight", "error", "'0' is not in 1..10000"),
        ({"annotations": {"a": 1}}, "/annotations/a", "error", "1 is not of type string"),
        # The specification's.
        ({"ociVersion": 3}, "/ociVersion", "error", "3 is not of type string"),
        ({"root": {"path": ""}}, "/root/path", "error", "is empty"),
        (process(cwd="tmp"), "/process/cwd", "error", "'tmp' does not fit: Absolute."),
        (process(args=[]), "/process/args", "error", "is empty"),
        ({"hooks": {"prestop": []}}, "/hooks/prestop", "warning", "no stage: what is here never"),
        ({"hooks": {"poststop": [{}]}}, "/hooks/poststop/0", "error", "'path' is missing"),
        ({"hooks": {"poststop": [{"path": sys.executable, "timeout": 0}]}},
         "/hooks/poststop/0/timeout", "error", "0 is less than 1"),
        ({"hooks": {"poststop": [{"path": sys.executable, "timeout": 1 << 31}]}},
         "/hooks/poststop/0/timeout", "error", "has more than 31 bits: crun does not start it"),
        # What real programs are known to write.
        ({"annotations": {"": "x"}}, "/annotations", "warning", "is empty"),
        ({"hooks": {"poststop": [{"path": sys.executable, "env": ["A", None]}]}},
         "/hooks/poststop/0/env/0", "warning", "'A' does not fit: NAME=VALUE"),
        ({"hooks": {"poststop": [{"path": sys.executable, "env": ["A=", None]}]}},
         "/hooks/poststop/0/env/1", "warning", "null is not of type string"),
        ({"linux": {"rootfsPropagation": "rslave"}}, "/linux/rootfsPropagation", "warning",
         "'rslave' is none of private, shared, slave, unbindable"),
        ({"linux": {"rootfsPropagation": "upward"}}, "/linux/rootfsPropagation", "error",
         "'upward' is none of"),
        ({"linux": {"devices": [{"type": "c", "path": "/dev/null", "fileMode": 8630}]}},
         "/linux/devices/0/fileMode", "warning", "8630 is more than 511"),
        ({"linux": {"devices": [{"type": "c", "path": "/dev/null", "fileMode": 99999}]}},
         "/linux/devices/0/fileMode", "error", "99999 is more than 511"),
        ({"hooks": {"createRuntime": None}}, "/hooks/createRuntime", "warning",
         "null stands for a missing member"),
        ({"root": {"path": None}}, "/root", "error", "'path' is missing"),
        # Hooks.
        ({"hooks": {"poststop": [{"path": "/nonexistent"}]}}, "/hooks/poststop/0/path", "error",
         "'/nonexistent' does not exist here"),
        ({"hooks": {"poststart": [{"path": "/etc/passwd"}]}}, "/hooks/poststart/0/path", "error",
         "'/etc/passwd' is no program here"),
        ({"hooks": {"poststop": [{"path": "true"}]}}, "/hooks/poststop/0/path", "error",
         "'true' does not fit: Absolute."),
        ({"hooks": {"startContainer": [{"path": "/x"}]}}, "/hooks/startContainer/0/path",
         "warning", "'/x' does not exist in the container's root"),
        ({"hooks": {"prestart": [{"path": sys.executable}]}}, "/hooks/prestart", "warning",
         "prestart is deprecated"),
        # Namespaces.
        ({"linux": {"namespaces": [{"type": "cgroup"}, {"type": "pid"}, {"type": "pid"}]}},
         f"{N}/2", "error", "a second namespace of type pid"),
        ({"linux": {"namespaces": [{"type": "cgroup", "path": "/nonexistent"}]}}, f"{N}/0/path",
         "warning", "'/nonexistent' does not exist here"),
        ({"linux": {"namespaces": []}}, "/linux", "warning", "no cgroup namespace"),
        ({"linux": {"namespaces": [{"type": "cgroup", "path": "/proc/1/ns/cgroup"}]}}, f"{N}/0",
         "warning", "another container's cgroup namespace: the cell is that of the cgroup where"),
        ({"linux": {"namespaces": [{"type": "user"}]}}, f"{N}/0", "error",
         "no linux.uidMappings"),
        ({"linux": {"namespaces": [{"type": "gravity"}]}}, f"{N}/0/type", "error",
         "'gravity' is none of cgroup"),
        ({"linux": {"namespaces": [{"type": "network", "path": ""}]}}, f"{N}/0/path", "error",
         "is empty: crun takes it for a path"),
        ({"linux": {"namespaces": [{"type": "network", "path": "/proc/self/ns/uts"}]}},
         f"{N}/0/path", "error", "'/proc/self/ns/uts' is a namespace of uts"),
        ({"linux": {"namespaces": [{"type": "time"}]}}, f"{N}/0", "error", "runc 1.1 does not"),
        ({"hostname": "x"}, "/hostname", "error", "needs a namespace of type uts"),
        ({"domainname": "x"}, "/domainname", "error", "needs a namespace of type uts"),
        ({"linux": {"timeOffsets": {"monotonic": {"secs": 1}}}}, "/linux/timeOffsets", "error",
         "needs a namespace of type time"),
        ({"linux": {"sysctl": {"net.ipv4.ip_forward": "1"}}},
         "/linux/sysctl/net.ipv4.ip_forward", "error", "needs a namespace of type network"),
        ({"linux": {"sysctl": {"kernel.shmmax": "1"}}}, "/linux/sysctl/kernel.shmmax", "error",
         "needs a namespace of type ipc"),
        ({"linux": {"sysctl": {"vm.swappiness": "1"}}}, "/linux/sysctl/vm.swappiness", "error",
         "is of no namespace: runtimes refuse it"),
        # What no runtime starts without.
        ({"process": None}, "", "error", "'process' is missing: runc and crun start no container"),
        (process(args=None), "/process", "error", "'args' is missing: runc and crun"),
        ({"root": {"path": "nonexistent"}}, "/root/path", "warning",
         "'nonexistent' is no directory here"),
        ({"root": None}, "", "error", "'root' is missing: runc and crun"),
        ({"mounts": None}, "", "error", "'mounts' is missing: crun does not start it"),
        ({"linux": None}, "", "error", "'linux' is missing: crun does not start it, runc does"),
        # The process.
        (process(args=["/bin/true", "a\0b"]), "/process/args/1", "error", "a NUL: runc"),
        (process(env=["A=b", "PATH"]), "/process/env/1", "error", "without a '=': runc does not"),
        (process(rlimits=[{"type": "RLIMIT_FOO", "soft": 1, "hard": 1}]),
         "/process/rlimits/0/type", "error", "'RLIMIT_FOO': no limit of Linux"),
        (process(rlimits=[{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]),
         "/process/rlimits/0/soft", "error", "2 is more than the hard limit of 1"),
        # cgroupsPath.
        (path(" "), P, "error", "is blank: leave the member out if the runtime is to choose"),
        (path("/a\nb"), P, "error", "a newline, which no cgroup may have in its name"),
        # What runtimes alone refuse.
        (process(ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 9}),
         "/process/ioPriority/priority", "error", "9 is more than 7"),
        (process(ioPriority={"class": "X", "priority": 1}), "/process/ioPriority/class", "error",
         "'X' is none of IOPRIO_CLASS_RT"),
        (process(consoleSize={"height": -1, "width": 1}), "/process/consoleSize/height", "error",
         "-1 is less than 0"),
        ({"linux": {"personality": {"domain": "X"}}}, "/linux/personality/domain", "error",
         "'X' is none of LINUX"),
        ({"linux": {"seccomp": {"defaultAction": "X"}}}, "/linux/seccomp/defaultAction", "error",
         "'X' is none of SCMP_ACT_KILL"),
        (path("../x"), P, "error", "goes upwards"),
        (path("/"), P, "error", "the root of the hierarchy"),
        (path("/a/../b"), P, "warning", "goes upwards, which runtimes remove"),
        (path("/a/.."), P, "error", "the root of the hierarchy"),
        (path("/../a/b"), P, "error", "goes upwards, which runtimes remove or refuse"),
        (path("a/b"), P, "warning", "is relative"),
        (path("system.slice:docker"), P, "warning", "runc demands slice:prefix:name"),
        (path("a:b:c:d"), P, "error", "neither a path nor slice:prefix:name"),
        (path("system.slice:docker:"), P, "error", "without a name"),
        (path("system.slice:docker:a/b"), P, "warning", "with a / in it"),
        (path("a/b.slice:x:y"), P, "error", "'a/b.slice' is no name of a slice"),
        (path("a--b.slice:x:y"), P, "error", "'a--b.slice' is no name of a slice"),
        (path("user:x:y"), P, "error", "'user' is no name of a slice"),
        # The scheduler.
        (scheduler("SCHED_FIFO", priority=5), f"{S}/policy", "warning", "not for a cell"),
        (merged(scheduler("SCHED_RR", priority=5), cpu(cpus="0")), f"{S}/policy", "warning",
         "runc refuses SCHED_RR together with linux.resources.cpu.cpus"),
        (scheduler("SCHED_FIFO", priority=0), f"{S}/priority", "error", "is 1 to 99"),
        (scheduler("SCHED_BATCH", priority=5), f"{S}/priority", "error", "not SCHED_BATCH"),
        (scheduler("SCHED_IDLE", nice=5), f"{S}/nice", "warning", "no effect with SCHED_IDLE"),
        (scheduler("SCHED_DEADLINE", runtime=5000, deadline=9000), f"{S}/policy", "error",
         "crun 1.21 does not start it"),
        (scheduler("SCHED_OTHER", runtime=5), f"{S}/runtime", "error", "goes with SCHED_DEADLINE"),
        (scheduler("SCHED_DEADLINE", runtime=5000, deadline=2000), S, "error",
         "1024 ns <= runtime <= deadline <= period"),
        (scheduler("SCHED_ISO"), f"{S}/policy", "error", "in no kernel"),
        (scheduler("SCHED_EXT"), f"{S}/policy", "error", "'SCHED_EXT' is none of SCHED_OTHER"),
        (process(scheduler={}), S, "error", "'policy' is missing"),
        # CPUs.
        (cpu(cpus="4-5"), f"{R}/cpus", "error", "none of CPUs 4-5 is online here"),
        (cpu(cpus="0-6:1/2"), f"{R}/cpus", "warning", "CPUs 4,6 are not online here"),
        (merged(path("a.slice:x:y"), cpu(cpus="0-3:1/2")), f"{R}/cpus", "error",
         "unexpected ':' at position 4, to runtimes with systemd's cgroup driver"),
        (merged(path("a.slice:x:y"), cpu(mems="0 0")), f"{R}/mems", "error",
         "unexpected ' ' at position 2, to runtimes with systemd's cgroup driver"),
        (merged(path("a.slice:x:y"), unified(cpuset_cpus="0-1 2")), f"{U}/cpuset.cpus", "error",
         "unexpected ' ' at position 4, to runtimes with systemd's cgroup driver"),
        (cpu(cpus="3-9"), f"{R}/cpus", "error",
         "CPUs 8-9 can never be here, and the kernel refuses the list"),
        (unified(cpuset_cpus="3-8"), f"{U}/cpuset.cpus", "error", "CPUs 8 can never be here"),
        (cpu(cpus="3-5"), f"{R}/cpus", "warning", "CPUs 4-5 are not online here"),
        (cpu(mems="1"), f"{R}/mems", "error", "no such NUMA nodes here: 1"),
        (unified(cpuset_cpus="5"), f"{U}/cpuset.cpus", "error", "none of CPUs 5 is online here"),
        (process(execCPUAffinity={"initial": "7"}), "/process/execCPUAffinity/initial", "error",
         "none of CPUs 7 is online here"),
        (merged(process(execCPUAffinity={"final": "1-2"}), cpu(cpus="0-1")),
         "/process/execCPUAffinity/final", "warning", "CPUs 2 are not among the container's"),
        (merged(process(execCPUAffinity={"final": "2"}), cpu(cpus="0-1")),
         "/process/execCPUAffinity/final", "error", "CPUs 2 are not among the container's"),
        ({"annotations": {"org.ocihook/cpus": "3-4"}}, "/annotations/org.ocihook~1cpus",
         "warning", "CPUs 4 are not online here, or not the container's"),
        (merged({"annotations": {"org.ocihook/cpus": "2-3"}}, cpu(cpus="0-2")),
         "/annotations/org.ocihook~1cpus", "warning", "CPUs 3 are not online"),
        (merged({"annotations": {"org.ocihook/cpus": "2"}}, cpu(cpus="1")),
         "/annotations/org.ocihook~1cpus", "warning", "the container has 1 CPUs here"),
        # CPU time.
        (cpu(quota=999), f"{R}/quota", "error", "999 us: the kernel takes 1000 or more"),
        (cpu(period=999), f"{R}/period", "error", "999 us: the kernel takes 1000 to 1000000"),
        (unified(cpu_max="max 2000000"), f"{U}/cpu.max", "error", "2000000 us: the kernel takes"),
        (cpu(quota=5000, burst=6000), f"{R}/burst", "error", "more than the quota of 5000"),
        (cpu(burst=6000), f"{R}/burst", "warning", "without a quota"),
        (cpu(idle=2), f"{R}/idle", "error", "2: the kernel takes 0 and 1"),
        (cpu(idle=1), f"{R}/idle", "warning", "the cell gets weight 1"),
        (cpu(idle=1, shares=512), f"{R}/shares", "error",
         "runc 1.3.6 does not start it together with idle; runc 1.1.15, and crun 1.21"),
        (cpu(shares=1), f"{R}/shares", "error",
         "1: runc before 1.3.2 and crun before 1.23 do not start it; later ones bring it to 2 to"),
        (cpu(shares=262145), f"{R}/shares", "warning", "262145: runtimes bring it to 262144"),
        (cpu(shares=262170), f"{R}/shares", "warning", "262170: runtimes bring it to 262144"),
        (cpu(shares=262171), f"{R}/shares", "error", "262171: runc before 1.3.2 and crun before"),
        (merged(cpu(shares=2), unified(cpu_weight="7")), f"{U}/cpu.weight", "warning",
         "replaces linux.resources.cpu.shares"),
        (cpu(realtimeRuntime=950000), f"{R}/realtimeRuntime", "error",
         "no counterpart in cgroup v2: crun does not start it, runc leaves it out"),
        (cpu(quota=1 << 44), f"{R}/quota", "error",
         "17592186044416 us: the kernel takes 17592186044415 or less"),
        # Other files of the cgroup.
        ({"linux": {"resources": {"unified": {"../cpu.max": "1"}}}}, f"{U}/..~1cpu.max", "error",
         "a name with a / in it"),
        (unified(cpu="1"), f"{U}/cpu", "error", "no CONTROLLER.FILE"),
        (unified(cpu_rt_max="1"), f"{U}/cpu.rt.max", "error", "no file of cgroup v2"),
        (unified(CPU_WEIGHT="7"), f"{U}/CPU.WEIGHT", "error", "'CPU' is no controller"),
        (unified(cpu_stat="1"), f"{U}/cpu.stat", "error", "no file of cgroup v2"),
        (unified(cpu_weight_nice="30"), f"{U}/cpu.weight.nice", "error", "'30' is not in 0..19"),
        (unified(cpuset_cpus_partition="x"), f"{U}/cpuset.cpus.partition", "error",
         "'x' is none of member, root, isolated"),
        (unified(cpu_idle="1", cpu_weight="50"), f"{U}/cpu.weight", "error",
         "the kernel takes no weight while cpu.idle is set"),
        (merged(cpu(idle=1), unified(cpu_weight_nice="5")), f"{U}/cpu.weight.nice", "error",
         "the kernel takes no weight while cpu.idle is set"),
        (merged(cpu(idle=1, shares=512), unified(cpu_idle="0")), f"{R}/shares", "error",
         "runc 1.3.6 does not start it together with idle"),
        # Names in another case.
        ({"Annotations": {"org.ocihook/weight": "3"}}, "/Annotations", "warning",
         "runc takes it for 'annotations'; crun and youki leave it out without a word"),
        ({"linux": {"Resources": {}}}, "/linux/Resources", "warning", "takes it for 'resources'"),
        (cpu(CPUS="0"), f"{R}/CPUS", "warning", "runc takes it for 'cpus'"),
        ({"hooks": {"Poststop": []}}, "/hooks/Poststop", "warning", "takes it for 'poststop'"),
        ({"hooks": {"poststop": [{"path": sys.executable, "ENV": []}]}}, "/hooks/poststop/0/ENV",
         "warning", "runc takes it for 'env'"),
        # Annotations.
        ({"annotations": {"org.ocihook/weight": "0"}}, "/annotations/org.ocihook~1weight",
         "error", "'0' does not fit: In the scale of cgroup2's cpu.weight"),
        ({"annotations": {"org.ocihook/wieght": "9"}}, "/annotations/org.ocihook~1wieght",
         "error", "unknown member"),
    ],
)  # fmt: skip
def test_config(change: dict[str, Any], pointer: str, severity: str, message: str) -> None:
    found = findings("config", merged(CONFIG, change))
    assert [one for one in found if one.pointer == pointer and message in one.message], found
    (one,) = [one for one in found if one.pointer == pointer and message in one.message]
    assert one.severity == severity


@pytest.mark.parametrize(
    "text",
    ["/a/b", "/", "system.slice:docker:0123", ":x:y", "-.slice::y", "a-b.slice:crio:0123"],
)
def test_cgroups_paths_of_both_drivers(text: str) -> None:
    found = findings("config", merged(CONFIG, path(text)))
    assert [one.pointer for one in found] == ([P] if text == "/" else [])


def test_one_error_hides_no_other() -> None:
    bad = {
        "hooks": {"poststop": [{"path": "/nonexistent"}]},
        "annotations": {"org.ocihook/weight": "0", "a": 1},
        **cpu(shares="1", cpus="0-"),
    }
    found = findings("config", merged(merged(CONFIG, bad), path("/a/..")))
    assert [one.pointer for one in found] == [
        "/annotations/a",
        f"{R}/cpus",
        f"{R}/shares",
        "/annotations/org.ocihook~1weight",
        "/hooks/poststop/0/path",
        P,
    ]


@pytest.mark.parametrize(
    "change",
    [
        # No wish, so no warning that it is too much.
        cpu(cpus="0"),
        cpu(cpus="500"),
        {"annotations": {"org.ocihook/weight": "3"}},
        # Text of others, in any case.
        {"annotations": {"Path": "x", "CPUS": "y"}},
        cpu(shares=2),
        cpu(shares=262144),
        cpu(quota=(1 << 44) - 1),
        # Runtimes write nothing then, and start it.
        unified(cpu_weight="", cpu_max="", cpu_idle="", cpu_max_burst="", cpuset_cpus=""),
        unified(cpu_weight_nice="-20", cpuset_cpus_partition="isolated\n", memory_high="max"),
        {"hostname": "x", "linux": {"namespaces": [{"type": "cgroup"}, {"type": "uts"}]}},
        process(env=["A="], rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}]),
    ],
)
def test_what_nothing_is_said_of(change: dict[str, Any]) -> None:
    found = findings("config", merged(CONFIG, change))
    assert [one for one in found if one.pointer != f"{R}/cpus"] == []


@pytest.mark.parametrize("stage", ["createRuntime", "createContainer", "startContainer"])
def test_hooks_that_keep_systemd_nspawn_from_starting(stage: str) -> None:
    for hooks in ({stage: []}, {stage: [{"path": sys.executable}], "poststop": []}):
        found = findings("config", {**CONFIG, "ociVersion": "1.0.0", "hooks": hooks})
        (one,) = [one for one in found if one.pointer == f"/hooks/{stage}"]
        assert (one.severity, one.message) == (
            "warning",
            "systemd-nspawn does not start the bundle (252, 257 and 262); runc, crun and youki do",
        )
        assert not any(
            "nspawn" in one.message for one in findings("config", CONFIG | {"hooks": hooks})
        )
