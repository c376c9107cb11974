# SPDX-License-Identifier: Apache-2.0
from ocihook.hook import annotations
from ocihook.install.hooks import STAGES
from ocihook.manual import hook


def test_hook_page_has_every_annotation_and_stage() -> None:
    assert [term.name for term in hook.ANNOTATIONS] == list(annotations.KNOWN)
    assert [term.name for term in hook.STAGES] == list(STAGES)
