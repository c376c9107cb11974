# SPDX-License-Identifier: Apache-2.0
"""Patterns, and the verdict of Go's regexp on each: for the unit test and for podman's own."""

TAKEN = (
    r"^org\.ocihook/", ".*", "", "\x00", "a\n", "é\U0001f600", r"a\(?=b", r"[(?=)]", r"a+?b*?",
    r"a{2,3}?", r"(?i)a", r"^(?i)nvidia$", r"(?U)a+", r"(?s-i:a)", r"(?:a|b)+", r"(?P<name>a)",
    r"\\1", r"\+\+", r"\pL\p{Greek}\P{^Lu}", r"[[:alpha:]]", r"[[:^word:]]", r"a\z", r"\Aa\b\B",
    r"[a+]+", r"a\++", r"a{,3}", r"a{1000}", r"((a{10}){10}){10}", r"[]a]", r"[\d-z]", r"[a-b-c]",
    r"\Q\C(\E", r"\Q\C(", r"\\C", r"[(]" * 2000, r"\x{10FFFF}\x41\123\07", "(" * 999 + ")" * 999,
    "(?:" * 1500 + ")" * 1500, "(?i)" * 2000,
)  # fmt: skip

REFUSED = {
    "(?=a)": "invalid perl operator: (?=",
    "(?!x)y": "invalid perl operator: (?!",
    "(a)?(?(1)b|c)": "invalid perl operator: (?(",
    "(?>a)": "invalid perl operator: (?>",
    "(?#c)a": "invalid perl operator: (?#",
    "(?x)a": "invalid perl operator: (?x",
    "(?P=n)": "invalid perl operator: (?P",
    r"(a)\1": r"invalid escape sequence: \1",
    r"^/bin/sh\Z": r"invalid escape sequence: \Z",
    r"[]\1]": r"invalid escape sequence: \1",
    r"\e": r"invalid escape sequence: \e",
    r"\u0041": r"invalid escape sequence: \u",
    r"\x{110000}": r"invalid escape sequence: \x{110000",
    r"a\C": r"invalid escape sequence: \C",
    r"\\\C": r"invalid escape sequence: \C",
    r"\Qa\E\C": r"invalid escape sequence: \C",
    "(?P<é>a)": r"invalid named capture: '(?P<\xe9>'",
    "a++": "bad repetition operator: ++",
    "a**": "bad repetition operator: **",
    "a{2}+": "bad repetition operator: {2}+",
    "a{1,2000}": "invalid repetition size: {1,2000}",
    "a{3,2}": "invalid repetition size: {3,2}",
    "((a{10}){10}){11}": "invalid repetition size: {11}",
    "(": "missing ): (",
    "a)": "unexpected ): a)",
    "[a": "missing ]: [a",
    "*": "no argument for repetition operator: *",
    "[z-a]": "invalid character class range: z-a",
    "[[:foo:]]": "invalid character class range: [:foo:]",
    r"\pX": r"invalid character class range: \pX",
    "a\\": "trailing \\",
    "(" * 1000 + ")" * 1000: "expression nests too deeply",
}
"""With what we say of each."""
