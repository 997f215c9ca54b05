"""What a headless Chromium sees of a built book, with the network switched off."""

from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import pytest

from sqbook.pdf import find_chromium
from sqlib.errors import SqError

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]


@contextmanager
def chromium():
    """A headless Chromium of the system; the test is skipped where there is none."""
    try:
        path = find_chromium()
    except SqError:
        pytest.skip("no Chromium on this machine: install it to check the pages in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser, path, loaded: set | None = None, **options):
    """Open the file `path` offline; yield the page and its list of complaints, which goes on filling.

    loaded : takes the paths of the files that the page loads
    """
    context = browser.new_context(offline=True, **options)
    page, complaints = context.new_page(), []
    if loaded is not None:
        page.on("request", lambda request: loaded.add(unquote(urlsplit(request.url).path)))
    page.on("console", lambda m: complaints.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url[:200]}"))
    page.on("request", lambda r: complaints.append(f"remote: {r.url}") if r.url.startswith("http") else None)
    try:
        page.goto(path.as_uri())
        page.wait_for_load_state("load")
        yield page, complaints
    finally:
        context.close()


def pages(site):
    """The pages of a built book, without the theme's own leftovers among its static files."""
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


def maths(page) -> int:
    """Number of formulas that MathJax has rendered, of those on the page; waits until it is done."""
    formulas = page.locator(".math").count()
    if formulas:
        page.wait_for_function("() => window.MathJax?.startup?.promise !== undefined")
        page.evaluate("() => MathJax.startup.promise.then(() => null)")
    assert page.locator("mjx-container").count() == formulas, f"{formulas} formulas on {page.url}, not all rendered"
    assert page.locator("mjx-merror").count() == 0, f"a formula on {page.url} is wrong"
    return formulas


def serious(page, theme: str) -> list[str]:
    """What axe finds serious or critical on `page` in the light or the dark theme, with the elements that it names."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    options = {"resultTypes": ["violations"], "preload": False}  # preloading fetches style sheets, which file: refuses
    if theme == "dark":
        options["runOnly"] = ["color-contrast"]  # nothing else depends on the theme
    found = Axe().run(page, options=options).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in grave]
