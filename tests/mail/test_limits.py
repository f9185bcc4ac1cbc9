"""Limits of mail, as the settings say them."""

import pytest

from jobs.checks import wrong_mail_limits
from jobs.conf import Conf
from jobs.limit import Bound
from jobs.mail.limits import read_limits

EVERY = "gmail.com+googlemail.com=20/s,5 outlook.com=600/m home.example=none *=50/10s,10"


@pytest.mark.parametrize(
    ("domain", "bound"),
    [
        ("gmail.com", Bound("domain=gmail.com", 5, 20, 1)),
        ("googlemail.com", Bound("domain=gmail.com", 5, 20, 1)),
        ("outlook.com", Bound("domain=outlook.com", None, 600, 60)),
        ("home.example", None),
        ("small.example", Bound("domain=small.example", 10, 50, 10)),
    ],
)
def test_a_domain_has_its_own_limit_or_a_shared_one_or_that_of_all_others(
    domain: str, bound: Bound | None
) -> None:
    assert read_limits("", EVERY).of(domain) == bound


def test_a_domain_may_be_written_as_people_write_it() -> None:
    assert read_limits("", "Bücher.example=,2").of("xn--bcher-kva.example") == Bound(
        "domain=xn--bcher-kva.example", 2, None, None
    )


def test_without_settings_nothing_is_limited() -> None:
    nothing = read_limits("", "")

    assert not nothing
    assert nothing.of("gmail.com") is None
    assert nothing.account is None


@pytest.mark.parametrize(
    ("account", "domains", "why"),
    [
        ("20", "", r"EMAIL_ACCOUNT_LIMIT: '20' is no limit\. Write 20/s,5"),
        ("20/x", "", "'20/x' is no limit"),
        ("0/s", "", "at least 1 mail"),
        ("1/40d", "", "30 days"),
        ("1/0s", "", "at least 1 mail"),
        (",0", "", "1 to 1,000 at once"),
        (",1001", "", "1 to 1,000 at once"),
        ("", "gmail.com", "'gmail.com' is not domain=limit"),
        ("", "gmail.com=", "EMAIL_DOMAIN_LIMITS, gmail.com: '' is no limit"),
        ("", "gmail.com=-1/s", "EMAIL_DOMAIN_LIMITS, gmail.com: '-1/s' is no limit"),
        ("", "@gmail.com=1/s", "'@gmail.com' is no domain"),
        ("", "gmail..com=1/s", "is no domain"),
        ("", "gmail.com=1/s gmail.com=2/s", "names gmail.com twice"),
        ("", "gmail.com+*=1/s", r"\* stands alone"),
        ("", "*=1/s *=2/s", r"names \* twice"),
    ],
)
def test_what_is_no_limit_is_refused_with_its_place_and_what_is_right(
    account: str, domains: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        read_limits(account, domains)


def test_a_check_says_what_is_wrong_before_anything_is_sent() -> None:
    (found,) = wrong_mail_limits(Conf(email_domain_limits="gmail.com=fast"))

    assert found.id == "millrace.E024"
    assert "gmail.com: 'fast' is no limit" in found.msg
    assert not list(wrong_mail_limits(Conf(email_account_limit="100/s,8", email_domain_limits=EVERY)))
