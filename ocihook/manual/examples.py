# SPDX-License-Identifier: Apache-2.0
"""An example or two for each command; a test has the command line read them."""

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "scheduler": (
        ("Start the scheduler; marked cgroups get their cells again:", "ocihook scheduler start"),
        ("See why it ended:", "ocihook scheduler status"),
    ),
    "cells": (
        ("All cells, for a script:", "ocihook cells list --json"),
        ("What each cgroup is promised and gets, the host's services included:",
         "ocihook cells tree --all --interval 5"),
        ("Give a running container three times the default weight:",
         "ocihook cells set web --weight 300"),
        ("Give it two CPUs of its own, which it keeps to itself:",
         "ocihook cells set web --cpus 2 --no-lend"),
    ),
    "config": (("After an edit:", "ocihook config check"),),
    "bundle": (
        ("See what would change in a bundle's config.json:",
         "ocihook bundle inject --dry-run /srv/bundle"),
    ),
    "doctor": (("Look at the hooks alone:", "ocihook doctor --only hooks.d --only program"),),
    "install": (
        ("See what would be placed, and where:", "ocihook install --dry-run"),
        ("For bundles, without hooks.d files:", "ocihook install --runtime bundle"),
        ("Where /usr is read-only:", "ocihook install --prefix /usr/local"),
        ("For a package, as its build does it:", "ocihook install --root /tmp/package"),
    ),
    "uninstall": (("See what would be removed:", "ocihook uninstall --dry-run"),),
    "top": (("Watch the slices and services of the host as well:", "ocihook top --tree"),),
    "metrics": (
        ("For node_exporter's textfile collector:",
         "ocihook metrics -o /var/lib/prometheus/node-exporter/ocihook.prom"),
    ),
    "record": (
        ("Two seconds as a page to zoom in:", "ocihook record --seconds 2 -o timeline.html"),
        ("CPUs 0 to 3, as a picture for a report:",
         "ocihook record --cpus 0-3 --title 'web under load' -o timeline.svg"),
        ("For ui.perfetto.dev:", "ocihook record -o timeline.json"),
    ),
    "validate": (("A bundle before its container is made:", "ocihook validate /srv/bundle"),),
}  # fmt: skip
"""By command: what for, and the line to type."""
