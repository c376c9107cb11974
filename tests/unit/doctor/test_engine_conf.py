# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: which directories podman and CRI-O read, by their own files in their order."""

import pytest
from fake_host import FakeHost

from ocihook.doctor.engine_conf import MalformedSettings, crio_hooks_dirs, podman_hooks_dirs
from ocihook.paths import HOOKS_DIR

ETC = "/etc/containers/oci/hooks.d"
VENDOR = "/usr/share/containers/containers.conf"
ADMINISTRATOR = "/etc/containers/containers.conf"
USER = "/root/.config/containers/containers.conf"
DROP_IN = f"{ADMINISTRATOR}.d/10-hooks.conf"
OLD, NEW = (5, 8, 1), (6, 0, 0)


def conf(*directories: str, more: str = "") -> str:
    listed = "".join(f'"{directory}", ' for directory in directories)
    return f"[engine]\nhooks_dir = [{listed}{more}]\n"


def test_default_is_the_vendors_directory_alone(fake: FakeHost) -> None:
    assert podman_hooks_dirs(fake.host, None) == ([HOOKS_DIR], [])
    fake.write(ADMINISTRATOR, "[containers]\nnetns = 'host'\n")
    assert podman_hooks_dirs(fake.host, OLD) == ([HOOKS_DIR], [])


def test_later_files_go_before_earlier_ones(fake: FakeHost) -> None:
    fake.write("/override.conf", "")
    for number, path in enumerate(
        [VENDOR, ADMINISTRATOR, DROP_IN, f"{ADMINISTRATOR}.d/20-more.conf", USER,
         f"{USER}.d/1.conf", "/override.conf"]
    ):  # fmt: skip
        fake.write(path, conf(f"/{number}"))
        fake.become(environ={**fake.host.environ, "CONTAINERS_CONF_OVERRIDE": "/override.conf"})
        assert podman_hooks_dirs(fake.host, OLD)[0] == [f"/{number}"]
    fake.write("/alone.conf", conf("/alone"))
    fake.become(environ={"CONTAINERS_CONF": "/alone.conf"})
    assert podman_hooks_dirs(fake.host, OLD) == (["/alone"], ["/alone.conf"])


def test_where_a_users_configuration_is(fake: FakeHost) -> None:
    fake.write("/xdg/containers/containers.conf", conf("/xdg-says"))
    fake.write("/.config/containers/containers.conf", conf("/nobody-says"))
    for environ, said in (
        ({"XDG_CONFIG_HOME": "/xdg", "HOME": "/root"}, "/xdg-says"),
        ({"XDG_CONFIG_HOME": "xdg", "HOME": "home"}, "/nobody-says"),
        ({}, "/nobody-says"),
    ):
        fake.become(environ=environ)
        assert podman_hooks_dirs(fake.host, OLD)[0] == [said]


def test_podman_6_reads_one_main_file(fake: FakeHost) -> None:
    fake.write(VENDOR, conf("/vendor"))
    assert podman_hooks_dirs(fake.host, NEW) == (["/vendor"], [VENDOR])
    fake.write(ADMINISTRATOR, "")
    assert podman_hooks_dirs(fake.host, OLD)[0] == ["/vendor"]
    assert podman_hooks_dirs(fake.host, NEW)[0] == [HOOKS_DIR]


def test_podman_6_masks_drop_ins_by_name(fake: FakeHost) -> None:
    fake.write(f"{VENDOR}.d/50.conf", conf("/vendor"))
    assert podman_hooks_dirs(fake.host, NEW)[0] == ["/vendor"]
    assert podman_hooks_dirs(fake.host, OLD)[0] == [HOOKS_DIR]
    fake.write("/etc/containers/containers.rootful.conf.d/50.conf", conf("/rootful"))
    assert podman_hooks_dirs(fake.host, NEW)[0] == ["/rootful"]
    fake.write(f"{USER}.d/40.conf", conf("/user"))
    assert podman_hooks_dirs(fake.host, NEW)[0] == ["/rootful"]
    fake.write(f"{USER}.d/50.conf", "")
    assert podman_hooks_dirs(fake.host, NEW)[0] == ["/user"]


def test_lists_can_be_appended_to(fake: FakeHost) -> None:
    fake.write(ADMINISTRATOR, conf("/a", more="{append = true}"))
    assert podman_hooks_dirs(fake.host, OLD)[0] == [HOOKS_DIR, "/a"]
    fake.write(DROP_IN, conf("/b"))
    assert podman_hooks_dirs(fake.host, OLD)[0] == [HOOKS_DIR, "/a", "/b"]
    fake.write(f"{ADMINISTRATOR}.d/20.conf", conf("/c", more="{append = false}"))
    assert podman_hooks_dirs(fake.host, OLD)[0] == ["/c"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[engine\n", "expected ']' at the end of a table declaration"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deep"),
        (".".join(["a"] * 100_000) + " = 1", "a key of more than 1000 parts"),
        ("[engine]\nhooks_dir = '/x'\n", "hooks_dir: not a list"),
        ("[engine]\nhooks_dir = [1]\n", "hooks_dir: an item is neither string nor table"),
        ("[engine]\nhooks_dir = [{more = true}]\n", "hooks_dir: 'more' is no attribute"),
        ("[engine]\nhooks_dir = [{append = 1}]\n", "hooks_dir: append is no boolean"),
    ],
)
def test_broken_containers_conf(fake: FakeHost, text: str, said: str) -> None:
    fake.write(DROP_IN, text)
    with pytest.raises(MalformedSettings, match=f"^{DROP_IN}: {said}"):
        podman_hooks_dirs(fake.host, OLD)
    (found,) = [each for each in fake.findings("hooks.d") if each.name == "podman"]
    assert (found.verdict, found.mend, found.exit_code) == ("error", "repair the file", 78)
    assert found.evidence.endswith("; podman starts no container")


@pytest.mark.parametrize(
    ("path", "target", "said"),
    [
        (ADMINISTRATOR, "/etc", "is a directory"),
        (ADMINISTRATOR, "/etc/containers/containers.conf", "too many levels of symbolic links"),
        (DROP_IN, "/etc", "is a directory"),
        (DROP_IN, "/nonexistent", ""),
        (DROP_IN, "/dev/null", ""),
    ],
)
def test_a_link_in_place_of_a_file(fake: FakeHost, path: str, target: str, said: str) -> None:
    """podman 5.4.2 does not start where it leads to a directory, or nowhere but to itself."""
    link = fake.path(path)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target if target == "/dev/null" else fake.path(target))
    if said:
        with pytest.raises(MalformedSettings, match=f"^{path}: {said}$"):
            podman_hooks_dirs(fake.host, OLD)
    else:
        assert podman_hooks_dirs(fake.host, OLD)[0] == [HOOKS_DIR]


def test_a_drop_in_directory_that_is_a_link_is_not_read(fake: FakeHost) -> None:
    fake.write("/elsewhere/10-hooks.conf", conf("/a"))
    link = fake.path(f"{ADMINISTRATOR}.d")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(fake.path("/elsewhere"))
    assert podman_hooks_dirs(fake.host, OLD)[0] == [HOOKS_DIR]
    fake.path(f"{ADMINISTRATOR}.d").unlink()
    fake.write(f"{DROP_IN}/x", "a directory of such a name is left out")
    assert podman_hooks_dirs(fake.host, OLD)[0] == [HOOKS_DIR]


@pytest.mark.parametrize("variable", ["CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE"])
def test_a_file_that_the_environment_names_is_there(fake: FakeHost, variable: str) -> None:
    fake.become(environ={variable: "/nonexistent"})
    with pytest.raises(
        MalformedSettings, match=f"^{variable}=/nonexistent: no such file or directory$"
    ):
        podman_hooks_dirs(fake.host, OLD)


def test_a_relative_path_of_the_environment(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/usr")
    fake.write("/usr/own.conf", conf("/a"))
    fake.become(environ={"CONTAINERS_CONF": "own.conf"})
    assert podman_hooks_dirs(fake.host, OLD)[0] == ["/a"]


def test_an_engine_that_is_no_table(fake: FakeHost) -> None:
    fake.write(ADMINISTRATOR, '[[engine]]\nhooks_dir = ["/a"]\n')
    with pytest.raises(MalformedSettings, match=f"^{ADMINISTRATOR}: engine: not a table$"):
        podman_hooks_dirs(fake.host, OLD)


@pytest.mark.parametrize(
    ("text", "dirs"),
    [
        ('[engine]\nruntime = "crun"\n[Engine]\nhooks_dir = ["/a"]\n', ["/a"]),
        ('[engine]\nhooks_dir = ["/a"]\n[Engine]\nhooks_dir = ["/b"]\n', ["/b"]),
        ('[Engine]\nhooks_dir = ["/b"]\n[engine]\nhooks_dir = ["/a"]\n', ["/a"]),
        ('[engine]\nhooks_dir = ["/a"]\nHooks_Dir = ["/b"]\n', ["/b"]),
        ('[engine]\nHooks_Dir = ["/b"]\nhooks_dir = ["/a"]\n', ["/a"]),
        ('[engine]\nHooks_Dir = ["/b"]\nHOOKS_DIR = ["/c", {append = true}]\n', ["/b", "/c"]),
    ],
)
def test_names_that_differ_in_case_are_one(fake: FakeHost, text: str, dirs: list[str]) -> None:
    """Each over the one before it, in the order of the file."""
    fake.write(ADMINISTRATOR, text)
    assert podman_hooks_dirs(fake.host, OLD) == (dirs, [ADMINISTRATOR])
    text = text.replace("ngine]", "rio.runtime]").replace("[e", "[c").replace("[E", "[C")
    if "append" not in text:
        fake.write("/etc/crio/crio.conf", text)
        assert crio_hooks_dirs(fake.host)[0] == dirs


@pytest.mark.parametrize(
    "text",
    [
        '[engine]\nhooks_dir = ["/a"]\nHooks_Dir = 5\n',
        'Engine = 1\n[engine]\nhooks_dir = ["/a"]\n',
    ],
)
def test_each_of_them_has_its_type(fake: FakeHost, text: str) -> None:
    fake.write(ADMINISTRATOR, text)
    with pytest.raises(MalformedSettings, match="not a "):
        podman_hooks_dirs(fake.host, OLD)


def test_crio(fake: FakeHost) -> None:
    assert crio_hooks_dirs(fake.host) == ([HOOKS_DIR], [])
    fake.write("/etc/crio/crio.conf", '[crio.runtime]\nhooks_dir = ["/one"]\n')
    assert crio_hooks_dirs(fake.host)[0] == ["/one"]
    fake.write("/etc/crio/crio.conf.d/10.conf", f'[crio.runtime]\nhooks_dir = ["{ETC}/"]\n')
    fake.program("/usr/bin/crio", "crio version 1.33.0")
    (found,) = [each for each in fake.findings("hooks.d") if each.name == "crio"]
    assert found.verdict == "error"
    assert found.evidence.startswith("hooks_dir of /etc/crio/crio.conf.d/10.conf: ")
    assert found.mend == (
        f'hooks_dir = ["{ETC}", "{HOOKS_DIR}"] below [crio.runtime] in'
        " /etc/crio/crio.conf.d/ocihook.conf"
    )


def test_crio_reads_every_file_below_its_directory(fake: FakeHost) -> None:
    """OpenShift ships `00-default`; a backup file counts, too."""
    drop_ins = "/etc/crio/crio.conf.d"
    for number, name in enumerate(("00-default", "10.conf", "10.conf~", "20/a", "30")):
        fake.write(f"{drop_ins}/{name}", f'[crio.runtime]\nhooks_dir = ["/{number}"]\n')
        assert crio_hooks_dirs(fake.host)[0] == [f"/{number}"]
    fake.write(f"{drop_ins}/20-b", '[crio.runtime]\nhooks_dir = ["/before-20"]\n')
    assert crio_hooks_dirs(fake.host) == (
        ["/4"],
        [
            f"{drop_ins}/{name}"
            for name in ("00-default", "10.conf", "10.conf~", "20/a", "20-b", "30")
        ],
    )
    fake.link(f"{drop_ins}/40", "20")
    with pytest.raises(MalformedSettings, match=f"^{drop_ins}/40: is a directory"):
        crio_hooks_dirs(fake.host)


def test_what_openshift_ships(fake: FakeHost) -> None:
    fake.write(
        "/etc/crio/crio.conf.d/00-default",
        '[crio.runtime]\nhooks_dir = [\n    "/etc/containers/oci/hooks.d",\n'
        '    "/run/containers/oci/hooks.d",\n]\n',
    )
    fake.program("/usr/bin/crio", "crio version 1.33.0")
    (found,) = [each for each in fake.findings("hooks.d") if each.name == "crio"]
    assert found.verdict == "error"
    assert found.evidence.startswith("hooks_dir of /etc/crio/crio.conf.d/00-default: ")
    assert found.evidence.endswith(f"our files are in {HOOKS_DIR}, which crio does not read")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('hooks_dir = ["/a", {append = true}]', "hooks_dir: not a list of strings"),
        ('hooks_dir = "/a"', "hooks_dir: not a list of strings"),
    ],
)
def test_crio_knows_no_attributes(fake: FakeHost, text: str, said: str) -> None:
    fake.write("/etc/crio/crio.conf", f"[crio.runtime]\n{text}\n")
    fake.program("/usr/bin/crio", "crio version 1.33.0")
    (found,) = [each for each in fake.findings("hooks.d") if each.name == "crio"]
    assert found.evidence == f"/etc/crio/crio.conf: {said}; CRI-O does not start"


def test_toml_as_the_engines_read_it(fake: FakeHost) -> None:
    """By BurntSushi's package: without a byte order mark, names in any case."""
    fake.write(ADMINISTRATOR, b"\xef\xbb\xbf" + conf("/marked").encode())
    assert podman_hooks_dirs(fake.host, OLD) == (["/marked"], [ADMINISTRATOR])
    fake.write(ADMINISTRATOR, "[Engine]\nHooks_Dir = ['/case']\n")
    assert podman_hooks_dirs(fake.host, OLD)[0] == ["/case"]
    fake.write("/etc/crio/crio.conf", b"\xef\xbb\xbf[CRIO.runtime]\nhooks_DIR = ['/crio']\n")
    assert crio_hooks_dirs(fake.host)[0] == ["/crio"]
