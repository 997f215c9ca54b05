"""What a headless Chromium sees of a built book, with the network switched off."""

import shutil
from contextlib import contextmanager

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


@contextmanager
def chromium():
    """A headless Chromium of the system; the test is skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: install it to check the pages in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser, path, **options):
    """Open the file `path` offline; yield the page and its list of complaints, which goes on filling."""
    context = browser.new_context(offline=True, **options)
    page, complaints = context.new_page(), []
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
