# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: whether engines read the directories that our files are in."""

from pathlib import Path

from fake_host import FakeHost

from ocihook.install import hooks
from ocihook.paths import HOOKS_DIR

ETC = "/etc/containers/oci/hooks.d"
CONF = "/etc/containers/containers.conf"


def conf(*directories: str, more: str = "") -> str:
    listed = "".join(f'"{directory}", ' for directory in directories)
    return f"[engine]\nhooks_dir = [{listed}{more}]\n"


def test_podman_ignores_our_files_in_etc(fake: FakeHost) -> None:
    """Its documentation says otherwise (podman #7134)."""
    text = fake.path("/usr/libexec/oci/hooks.d/ocihook-hook").read_bytes()
    hooks.uninstall(fake.root)
    hooks.install(fake.root, Path(ETC), text=text)
    ((verdict, name, evidence, mend),) = fake.bad("hooks.d")
    assert (verdict, name) == ("error", "podman")
    assert evidence == (
        f"hooks_dir by default: {HOOKS_DIR}; our files are in {ETC}, which podman does not read"
    )
    assert mend == (
        f'hooks_dir = ["{HOOKS_DIR}", "{ETC}"] below [engine] in'
        " /etc/containers/containers.conf.d/ocihook.conf"
    )
    fake.write("/etc/containers/containers.conf.d/ocihook.conf", conf(HOOKS_DIR, ETC))
    assert fake.bad("hooks.d") == []


HELP = """Usage:
  podman [options] [command]

Options:
      --help                Help for podman
      --hooks-dir stringArray       Set the OCI hooks directory path (may be set multiple times)%s
      --identity string     path to SSH identity file, (CONTAINER_SSHKEY)
"""


def helpful(fake: FakeHost, default: str, status: int = 0) -> None:
    """Have a podman that knows --help: what it prints there, or on standard error."""
    text = HELP % default if not status else default
    to = "" if not status else " >&2"
    path = fake.path("/usr/bin/podman")
    path.write_text(
        "#!/bin/sh\n"
        f"[ $1 = --version ] && echo podman version 5.4.2 && exit\ncat{to} <<'END'\n{text}\nEND\n"
        f"exit {status}\n"
    )


def engine(fake: FakeHost) -> tuple[str, str]:
    (found,) = [each for each in fake.findings("hooks.d") if each.name == "podman"]
    return found.verdict, found.evidence


def test_podman_knows_best_which_directories_it_reads(fake: FakeHost) -> None:
    """5.4.2 takes a list that is there twice, for the later one; TOML does not allow that."""
    fake.write(CONF, '[engine]\nhooks_dir = ["/a"]\nhooks_dir = ["/b"]\n')
    assert engine(fake)[0] == "error"
    assert "cannot overwrite a value" in engine(fake)[1]
    helpful(fake, f" (default [{HOOKS_DIR}])")
    assert engine(fake) == ("ok", f"hooks_dir as podman has it: {HOOKS_DIR}")
    helpful(fake, ' (default [/b,"/c,d"])')
    verdict, said = engine(fake)
    assert verdict == "error"
    assert said.startswith("hooks_dir as podman has it: /b, /c,d; our files are in ")
    helpful(fake, "")
    assert engine(fake)[1].startswith("hooks_dir as podman has it: empty; ")
    fake.write(CONF, conf(HOOKS_DIR))
    helpful(fake, f" (default [{HOOKS_DIR}])")
    assert engine(fake) == ("ok", f"hooks_dir of {CONF}: {HOOKS_DIR}")


def test_podman_knows_best_what_it_refuses(fake: FakeHost) -> None:
    """Any member of a wrong type, of which we know a few."""
    fake.write(CONF, "[engine]\nnum_locks = -1\n")
    assert engine(fake)[0] == "ok"
    why = 'reading system config "/x": toml: line 2 (last key "engine.num_locks"): out of range'
    helpful(fake, f"Failed to obtain podman configuration: {why}", status=1)
    assert engine(fake) == ("error", f"/usr/bin/podman: {why}; podman starts no container")
    helpful(fake, "cannot open shared object file", status=127)
    assert engine(fake)[0] == "ok"
