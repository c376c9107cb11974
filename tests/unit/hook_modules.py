# SPDX-License-Identifier: Apache-2.0
"""The modules that a good run of the hook loads; each container start pays for them."""

# What `python3 -IS` has loaded before our first line differs between versions; the test asks it.
OF_THE_INTERPRETER = {"_json", "_signal", "_stat", "_struct", "errno", "posix"}
OF_OURS = {
    "ocihook", "ocihook.abi", "ocihook.cell", "ocihook.cpulist", "ocihook.errors",
    "ocihook.kernel_cpulist", "ocihook.limits",
    "ocihook.mark", "ocihook.mountinfo", "ocihook.paths", "ocihook.policy", "ocihook.procfs",
    "ocihook.record", "ocihook.release",
    "ocihook.hook", "ocihook.hook.annotations", "ocihook.hook.bundle", "ocihook.hook.cgroup",
    "ocihook.hook.fields", "ocihook.hook.identity", "ocihook.hook.json", "ocihook.hook.main",
    "ocihook.hook.process", "ocihook.hook.request", "ocihook.hook.stages", "ocihook.hook.state",
}  # fmt: skip
OF_BPF = {
    "ocihook._bpf", "ocihook._bpf.pinned", "ocihook._bpf.syscalls", "ocihook._bpf._syscalls",
    "_cffi_backend",
}  # fmt: skip
# What the extension makes of itself in sys.modules (API mode); differs between versions of cffi.
OF_CFFI = {"_syscalls", "ocihook._bpf._syscalls.lib", "_syscalls.lib"}
# For containers that wish CPUs of their own.
OF_OWN_CPUS = {
    "ocihook.cpuset", "ocihook.grant", "ocihook.own_cpus", "ocihook.shortage", "ocihook.topology",
    "ocihook._bpf.pinned_cells",
}  # fmt: skip
# Where there is a configuration file, and patterns in it.
OF_CONFIGURATION = {"ocihook.hook.configured"}
OF_PATTERNS = {"ocihook.glob"}
# For runs that have to say something, and where there is a journal to say it to.
OF_FAILURE = {"ocihook.hook.journal", "_socket"}
ALLOWED = OF_THE_INTERPRETER | OF_OURS | OF_BPF | OF_CFFI
