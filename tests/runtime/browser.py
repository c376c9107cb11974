# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium without a screen: what a page looks like, as pixels, and what became of it."""

from __future__ import annotations

import os
import struct
import subprocess
import zlib
from pathlib import Path

from tests.vm import programs

TIMEOUT_S = 120

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}
"""Colour types of PNG with 8 bits a channel: RGB, and that with alpha."""


class Pixels:
    """A PNG file's pixels."""

    def __init__(self, data: bytes) -> None:
        """Decode a file (PNG 1.2, sections 5 and 6), as Chromium writes them: not interlaced."""
        assert data.startswith(_SIGNATURE)
        at, packed = len(_SIGNATURE), b""
        while at < len(data):
            length, kind = struct.unpack_from(">I4s", data, at)
            content = data[at + 8 : at + 8 + length]
            if kind == b"IHDR":
                self.width, self.height, bits, colours, *_ = struct.unpack(">IIBBBBB", content)
                assert bits == 8
                self._step = _CHANNELS[colours]
            elif kind == b"IDAT":
                packed += content
            at += 12 + length
        raw, stride = zlib.decompress(packed), self.width * self._step
        self._rows: list[bytearray] = []
        above = bytearray(stride)
        for row in range(self.height):
            start = row * (stride + 1)
            line = bytearray(raw[start + 1 : start + 1 + stride])
            self._undo(raw[start], line, above)
            self._rows.append(line)
            above = line

    def _undo(self, kind: int, line: bytearray, above: bytearray) -> None:
        """Undo a filter: each byte is what it differs by from what its neighbours predict."""
        step = self._step
        for i in range(len(line)) if kind else ():
            left, up = line[i - step] if i >= step else 0, above[i]
            if kind == 4:
                corner = above[i - step] if i >= step else 0
                guess = left + up - corner
                predicted = min((left, up, corner), key=lambda each: abs(guess - each))
            else:
                predicted = (left, up, (left + up) // 2)[kind - 1]
            line[i] = (line[i] + predicted) & 255

    def at(self, x: float, y: float) -> str:
        """Return the colour of a pixel, as #rrggbb."""
        column = int(x) * self._step
        return f"#{self._rows[int(y)][column : column + 3].hex()}"

    def within(self, x: float, y: float, width: int, height: int) -> set[str]:
        """Return the colours of a rectangle."""
        return {self.at(x + right, y + down) for right in range(width) for down in range(height)}


class Browser:
    """Opens files of a directory of its own; there is no network, and no profile is kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        debian = programs.unpacked("chromium-headless-shell", "fonts-dejavu-core")
        usr = debian.directory / "usr"
        self._program = usr / "lib/chromium/chromium-headless-shell"
        fonts = directory / "fonts.conf"
        fonts.write_text(FONTS.format(fonts=usr / "share/fonts", cache=directory / "fonts"))
        # libpulse's other half has a directory of its own, which its maker's run path names.
        private = usr / "lib/x86_64-linux-gnu/pulseaudio"
        self._environment = {
            "PATH": os.defpath,
            "HOME": str(directory),
            "FONTCONFIG_FILE": str(fonts),
            "LD_LIBRARY_PATH": f"{debian.library_path}:{private}",
        }

    def _open(self, name: str, *options: str) -> str:
        done = subprocess.run(
            [
                self._program,
                # As root it does not start otherwise; what it opens are our own files.
                "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--proxy-server=127.0.0.1:9", "--enable-logging=stderr",
                f"--user-data-dir={self.directory / 'profile'}", *options,
                (self.directory / name).as_uri(),
            ],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=self._environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert ":CONSOLE" not in done.stderr, done.stderr
        return done.stdout

    def look(self, name: str, width: int, height: int) -> Pixels:
        """Return what is seen of a file in a window of this size; the console has to be empty."""
        picture = self.directory / "picture.png"
        self._open(name, f"--window-size={width},{height}", f"--screenshot={picture}")
        return Pixels(picture.read_bytes())

    def document(self, name: str, width: int, height: int) -> str:
        """Return the document as its scripts left it."""
        return self._open(name, f"--window-size={width},{height}", "--dump-dom")
