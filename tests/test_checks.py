"""Checks of built pages: nothing comes from the network, and every link arrives."""

import pytest

from sqbook.site.checks import check_links, check_offline, read_pages
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
    assert check_links(site, read_pages(site)) == 5
    check_offline(site, read_pages(site))


@pytest.mark.parametrize(("html", "words"), [
    ('<a href="sub/two.html">', "sub/two.html leads to no file"),
    ('<script src="no.js"></script>', "no.js leads to no file"),
    ('<a href="two.html#nowhere">', "two.html#nowhere leads to no place"),
    ('<a href="#nowhere">', "#nowhere leads to no place"),
])
def test_a_broken_link_is_named_with_its_page(site, html, words):
    (site / "bad.html").write_text(html)
    with pytest.raises(SqError, match=r"bad\.html: ") as raised:
        check_links(site, read_pages(site))
    assert words in str(raised.value) and str(raised.value).count("\n") == 1


@pytest.mark.parametrize(("name", "content"), [
    ("page.html", '<script src="https://cdn.example/x.js"></script>'),
    ("page.html", '<script src="//cdn.example/x.js"></script>'),
    ("page.html", '<link rel="stylesheet" href="http://cdn.example/x.css">'),
    ("page.html", '<img src="https://cdn.example/x.png" alt="">'),
    ("page.html", '<iframe src="https://cdn.example/"></iframe>'),
    ("page.html", '<style>@import "https://cdn.example/x.css";</style>'),
    ("page.html", '<p style="background: url(//cdn.example/x.png)">'),
    ("page.html", '<script>load("https://cdn.example/x.js")</script>'),
    ("x.css", "@font-face { src: url('https://cdn.example/x.woff2'); }"),
])
def test_what_comes_from_the_network_is_found(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(SqError, match=rf"{name}: .*cdn\.example"):
        check_offline(tmp_path, read_pages(tmp_path))
