"""The check of built pages: every link arrives."""

import pytest

from sqbook.site.checks import check_links
from sqlib.errors import SqError

GOOD = ('<h1 id="top">One</h1><a href="two.html#there">two</a><a href="#top">up</a><a href="#">here</a>'
        '<a href="https://example.org/x#y">away</a><a href="mailto:a@example.org">write</a>'
        '<link rel="canonical" href="https://x.org"><a href="a%20b.csv">numbers</a>'
        '<img src="data:image/png;base64,AA" alt="">')


@pytest.fixture
def site(tmp_path):
    (tmp_path / "one.html").write_text(GOOD)
    (tmp_path / "two.html").write_text('<figure id="there"></figure><a name="old"></a><a href="one.html">one</a>')
    (tmp_path / "a b.csv").write_text("")
    return tmp_path


def test_links_that_arrive_are_counted_and_links_to_follow_are_not_fetched(site):
    assert check_links(site) == 5


@pytest.mark.parametrize(("html", "words"), [
    ('<a href="sub/two.html">', "sub/two.html leads to no file"),
    ('<script src="no.js"></script>', "no.js leads to no file"),
    ('<a href="two.html#nowhere">', "two.html#nowhere leads to no place"),
    ('<a href="#nowhere">', "#nowhere leads to no place"),
])
def test_a_broken_link_is_named_with_its_page(site, html, words):
    (site / "bad.html").write_text(html)
    with pytest.raises(SqError, match=r"bad\.html: ") as raised:
        check_links(site)
    assert words in str(raised.value) and str(raised.value).count("\n") == 1
