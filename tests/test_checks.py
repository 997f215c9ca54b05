"""Checks of built pages: nothing comes from the network, every link arrives, ids are single, pictures have words."""

import pytest
from lxml import html as parsed

from sqbook.site.checks import check_links, check_offline, read_pages, remote
from sqlib.errors import SqError

GOOD = ('<h1 id="top">One</h1><a href="two.html#there">two</a><a href="#top">up</a><a href="#">here</a>'
        '<a href="">self</a>'
        '<a href="https://example.org/x#y">away</a><a href="mailto:a@example.org">write</a>'
        '<a href="a%20b.csv">numbers</a>'
        '<img src="data:image/png;base64,AA" alt=""><label for="top">x</label>')


@pytest.fixture
def site(tmp_path):
    (tmp_path / "one.html").write_text(GOOD)
    (tmp_path / "two.html").write_text('<figure id="there"></figure><a name="old"></a><a href="one.html">one</a>')
    (tmp_path / "a b.csv").write_text("")
    return tmp_path


def test_links_that_arrive_are_counted(site):
    assert check_links(site, read_pages(site)) == 6
    assert check_offline(site, read_pages(site)) == 2


@pytest.mark.parametrize(
    "html, words",
    [
        ('<a href="three.html">', "three.html leads to no file"),
        ('<a href="sub/two.html">', "sub/two.html leads to no file"),
        ('<script src="no.js"></script>', "no.js leads to no file"),
        ('<img srcset="a.png 1x" src="two.html" alt="">', "a.png leads to no file"),
        ('<a href="two.html#nowhere">', "two.html#nowhere leads to no place"),
        ('<a href="#nowhere">', "#nowhere leads to no place"),
        ('<p id="x"></p><p id="x"></p>', "id 'x' 2 times"),
        ('<img src="two.html">', "picture without alt: two.html"),
        ('<label for="absent">', "refers to the id 'absent'"),
        ('<p aria-labelledby="absent">', "refers to the id 'absent'"),
    ],
)
def test_what_is_broken_is_named_with_its_page(site, html, words):
    (site / "bad.html").write_text(html)
    with pytest.raises(SqError, match=r"bad\.html: ") as raised:
        check_links(site, read_pages(site))
    assert words in str(raised.value)
    assert str(raised.value).count("\n") == 1


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<script src="//cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="http://cdn.example/x.css">',
        '<img src="https://cdn.example/x.png" alt="">',
        '<img srcset="a.png 1x, https://cdn.example/x.png 2x" alt="">',
        '<iframe src="https://cdn.example/"></iframe>',
        '<style>@import "https://cdn.example/x.css";</style>',
        '<p style="background: url(//cdn.example/x.png)">',
        '<script>load("https://cdn.example/x.js")</script>',
    ],
)
def test_remote_reference_is_found(html, tmp_path):
    (tmp_path / "page.html").write_text(html)
    with pytest.raises(SqError, match=r"page\.html: .*cdn\.example"):
        check_offline(tmp_path, read_pages(tmp_path))


def test_link_to_follow_is_no_remote_reference():
    html = ('<a href="https://doi.org/x">x</a><link rel="canonical" href="https://x.org">'
            '<img src="data:image/png;base64,AA">')
    assert remote(parsed.fromstring(html)) == []


def test_style_sheet_with_a_remote_font_is_found(tmp_path):
    (tmp_path / "x.css").write_text("@font-face { src: url('https://cdn.example/x.woff2'); }")
    with pytest.raises(SqError, match=r"x\.css: https://cdn\.example"):
        check_offline(tmp_path, {})
