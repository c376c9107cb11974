# SPDX-License-Identifier: Apache-2.0
from manual_pages import PAGES, terms

from ocihook.config.keys import KEYS


def test_configuration_page_has_every_key() -> None:
    names = [term.name.split(" = ")[0] for term in terms(PAGES["ocihook.toml(5)"])]
    assert names[: len(KEYS)] == [key.name for key in KEYS]
