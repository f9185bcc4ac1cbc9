"""Strings that broke somebody's mail once: to be carried as they are, or refused with a typed error."""

from hypothesis import strategies as st

CARRIED = [
    "Plain", "Grüße", "Здравствуйте, мир", "日本語の件名はとても長いことがあります" * 8,
    "👩‍👩‍👧‍👦 family", "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "e\u0301 decomposed", "\u202eright to left", "\u200bzero\u200bwidth", "\ufeffbom", "a" * 200,
    "word " * 60 + "end", "=?utf-8?q?not=20encoded?=", "=?", "?=", "=20=3D", "100 % of _it_", "a  b   c",
    "Re: [list] \"quoted\" (comment) <angle> a@b;c,d:e", "\\back\\slash\\", "'", '"', '""', '"unbalanced',
    "(", ")", "<script>alert(1)</script>", "';DROP TABLE mail;--", "../../etc/passwd", "CON", "~", ".",
    "..", "-", "--", "Bcc: all@example.org", "%0d%0aBcc: x", "\\r\\nBcc: x", "\u00a0nbsp\u00a0",
    "ﬀ ligature", "ß", "İ", "ı", "ǅ", "a\u0300" * 40, "\U0010ffff", "\ufffe", "{{", "{% x %}", "{0}", "%s",
    "$HOME", "`id`", "&amp;", "0", "null", "-1",
]  # fmt: skip
REFUSED = [
    "a\r\nBcc: all@example.org", "a\nBcc: all@example.org", "a\rBcc: all@example.org", "\r\n\r\nbody",
    "a\x00b", "a\x0bb", "a\x0cb", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b", "a\u2029b", "tab\there",
    "half \ud800 pair", "\udfff",
]  # fmt: skip
BODIES = [
    "", ".", "..", ".\n.", "a\n.\nb", "\n\n\n", "From here\nFrom there", "a" * 5000, ("a" * 75 + "\n") * 3,
    ("a" * 76 + "\n") * 3, "trailing  \nblanks\t\n", "  leading", "\ttab", "a\tb", "x" * 74 + " y",
    "x" * 75 + " ", "line\rmac\r\ndos\nunix", "=_boundary", "--=_x\n\n--", "=\n=20\n=3D",
    "\x0b\x0c\x1b[31m", "\u2028\u2029\x85", "дом " * 400, "日本" * 900, "😀" * 300,
]  # fmt: skip


LINE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])


def texts(longest: int = 80) -> st.SearchStrategy[str]:
    """Anything that can be carried on one line."""
    return st.one_of(
        st.sampled_from(CARRIED), st.text(alphabet=LINE, max_size=longest),
        st.text(alphabet=" \"\\<>()@,;:=?_aé\u0301😀", max_size=longest),
    )  # fmt: skip


def bodies() -> st.SearchStrategy[str]:
    """Anything of any number of lines."""
    some = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    return st.one_of(
        st.sampled_from(BODIES), st.text(alphabet=some, max_size=400),
        st.text(alphabet=" \t\r\n.=-_aé😀", max_size=400),
    )  # fmt: skip
