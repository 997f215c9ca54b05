"""Within the book every link arrives, ids are single, pictures have words; and what the finished pages gained."""

import base64
import io

import pytest
from PIL import Image

from sqbook.site.links import check_links
from sqbook.site.theme import description, finish
from sqlib.errors import SqError

GOOD = ('<h1 id="top">One</h1><a href="two.html#there">two</a><a href="#top">up</a><a href="#">here</a><a href="">self</a>'
        '<a href="https://example.org/x#y">away</a><a href="mailto:a@example.org">write</a><a href="a%20b.csv">numbers</a>'
        '<img src="data:image/png;base64,AA" alt=""><label for="top">x</label>')  # fmt: skip


@pytest.fixture
def site(tmp_path):
    (tmp_path / "one.html").write_text(GOOD)
    (tmp_path / "two.html").write_text('<figure id="there"></figure><a name="old"></a><a href="one.html">one</a>')
    (tmp_path / "a b.csv").write_text("")
    return tmp_path


def test_links_that_arrive_are_counted(site):
    assert check_links(site) == 6


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
        check_links(site)
    assert words in str(raised.value)
    assert str(raised.value).count("\n") == 1


def test_pictures_become_files_that_load_late_and_keep_their_size(tmp_path):
    Image.new("RGB", (30, 20), "red").save(buffer := io.BytesIO(), format="png")
    code = base64.b64encode(buffer.getvalue()).decode()
    (tmp_path / "sub").mkdir()
    page = tmp_path / "sub/page.html"
    page.write_text(f'<head><title>T</title></head><article><p class="sq-meta">1 min</p><p>A <b>word</b> &lt; two.</p></article>'
                    f'<img alt="Red." src="data:image/png;base64,{code}" style="x">'
                    '<script defer src="../mathjax/tex-x.js"></script>'
                    '<script defer src="../_static/scripts/fontawesome.js?digest=1"></script>')  # fmt: skip
    finish(tmp_path)
    text = page.read_text()
    (picture,) = (tmp_path / "_images").iterdir()
    assert f'<img alt="Red." src="../_images/{picture.name}" width="30" height="20" loading="lazy" style="x">' in text
    assert picture.read_bytes() == buffer.getvalue()
    assert "fontawesome" not in text and "mathjax" not in text
    assert '<meta name="description" content="A word &lt; two.">' in text
    page.write_text('<span class="math notranslate">x</span><script defer src="../mathjax/tex-x.js"></script>')
    finish(tmp_path)
    assert "mathjax" in page.read_text()


def test_description_is_the_first_paragraph_cut_between_words():
    words = description("<article><h1>T</h1><p>" + "<em>word</em> " * 60 + "</p><p>more</p></article>")
    assert 100 < len(words) <= 160
    assert set(words.split()) == {"word", "…"}
    assert description("<p>no article</p>") == ""
