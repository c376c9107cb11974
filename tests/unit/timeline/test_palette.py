# SPDX-License-Identifier: Apache-2.0
"""Which colours there are, and who gets which."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook.timeline import palette

# Severity 1.0 of Machado, Oliveira and Fernandes 2009, for linear RGB.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip


def lab(colour: str, eye: str) -> tuple[float, float, float]:
    """CIELAB (D65) of an sRGB colour as an eye sees it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    seen = [
        min(max(sum(a * b for a, b in zip(row, linear, strict=True)), 0), 1) for row in EYES[eye]
    ]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(a * b for a, b in zip(row, seen, strict=True)) for row in to_xyz]
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (xyz[0] / 0.9505, xyz[1], xyz[2] / 1.089)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("eye", EYES)
def test_every_eye_tells_the_colours_apart(eye: str) -> None:
    colours = ("#ffffff", palette.HOST, palette.OTHERS, *palette.COLOURS)
    for one, other in itertools.combinations(colours, 2):
        pairs = zip(lab(one, eye), lab(other, eye), strict=True)
        assert sum((a - b) ** 2 for a, b in pairs) ** 0.5 >= 14, (one, other)


def test_a_name_keeps_its_colour_whoever_else_runs() -> None:
    """Those whose colour is taken get one that nobody asks for, and push nobody else away."""
    asked = {name: palette.assign([name])[name] for name in map(str, range(12))}
    together = palette.assign(asked)
    kept = [name for name, colour in together.items() if colour == asked[name]]
    assert len(kept) == len(set(asked.values()))
    assert 1 < len(kept) < 12
    assert palette.assign(reversed(asked)) == together


@given(st.sets(st.text(), max_size=12))
def test_no_two_names_share_a_colour(names: set[str]) -> None:
    assert len(set(palette.assign(names).values())) == len(names)


def test_more_names_than_colours_are_refused() -> None:
    with pytest.raises(ValueError, match="13 names, and 12 colours"):
        palette.assign(map(str, range(13)))
