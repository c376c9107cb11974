# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the machine itself must have: Debian packages, from the sources it is configured for.

# For the build: Python with headers, C compiler, clang for the BPF object, the libraries libbpf.a
# wants. For the rig: mmdebstrap and mke2fs for the guest's disk. QEMU and libbpf come into the
# cache instead: bookworm's own are too old (7.2 and 1.1), and the machine shall not be upgraded for
# us. (dpkg-dev unpacks libbpf's source; groff-base reads the manual's pages.)
machine_packages="python3 python3-venv python3-dev gcc libc6-dev make pkg-config dpkg-dev
    libelf-dev zlib1g-dev clang-19 llvm-19 clang-format-19 git ca-certificates
    groff-base mmdebstrap e2fsprogs xz-utils debian-archive-keyring"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -E -- "$@"
    else
        die "$1: needs root; run as root, or install sudo"
    fi
}

missing_packages() {
    for package in $machine_packages; do
        case $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

install_packages() {
    # A source of somebody else's that cannot be reached must not stop us: whether ours can be had
    # shows below.
    as_root apt-get update || echo "apt-get update failed; going on with the lists there are"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
        install --yes --no-install-recommends "$@"
}

prepare_machine() {
    command -v dpkg-query >/dev/null || die "this system: not Debian; use Debian 12 or newer"
    [ "$(dpkg --print-architecture)" = amd64 ] || die "this machine: not amd64; use one"
    missing=$(missing_packages)
    # shellcheck disable=SC2086
    [ -z "$missing" ] || step "installing Debian packages: $missing" install_packages $missing
}
