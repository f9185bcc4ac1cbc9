"""Addresses: two that reach one mailbox are one, and no others."""

import pytest

from jobs.mail.address import key_of, read_address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@bücher.example"),
        ("jose\u0301@example.org", "jos\u00e9@example.org"),
        (" ada@example.org\n", "ada@example.org"),
    ],
    ids=["case", "a-label", "case-of-a-u-label", "composed", "blanks-around"],
)
def test_what_reaches_one_mailbox_is_compared_as_one(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.da@example.org", "ada@example.org"),
        ("ada+news@example.org", "ada@example.org"),
        ("ada@straße.example", "ada@strasse.example"),
        ("straße@example.org", "strasse@example.org"),
    ],
    ids=["dots", "plus", "eszett-in-the-domain", "eszett-before-the-at"],
)
def test_what_only_its_own_server_could_fold_stays_apart(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada@Example.ORG", "Ada@example.org"),
        ("post@bücher.example", "post@xn--bcher-kva.example"),
        ("josé@example.org", "josé@example.org"),
        ('"ada..l"@example.org', '"ada..l"@example.org'),
    ],
    ids=["case", "domain", "letters-before-the-at", "quoted"],
)
def test_the_local_part_is_kept_as_it_was_given(given: str, kept: str) -> None:
    assert read_address(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example..org",
        "ada@exa mple.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "Ada <ada@example.org>",
        f"{'a' * 65}@example.org",
        f"ada@{'.'.join(['a' * 60] * 5)}.org",
        "ada\0@example.org",
        "ada\ud800@example.org",
        f"ada@{'ü' * 80}.org",
    ],
    ids=[
        "empty", "no-at", "no-domain", "no-local", "empty-label", "blank", "injection", "with-a-name",
        "long-local", "long", "nul", "half-a-pair", "long-label",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(given: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|holds) "):
        read_address(given)
