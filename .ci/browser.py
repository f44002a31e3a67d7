"""Load the built pages in headless Chromium, and fail where a reader would stumble.

Usage: python .ci/browser.py doc/_build/html [FOLDER_OF_SCREENSHOTS]

Checked at the width of a phone and of a laptop: no error on the console, no request
that fails, nothing wider than the window or cut at its side, no table that has to be
scrolled sideways, and a target of every link within the site.
Screenshots of the main pages are kept, light and dark. Needs playwright and a Chromium,
the one of the variable CHROMIUM or of the system.
"""

import functools
import http.server
import os
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

from playwright.sync_api import sync_playwright

WIDTHS = [390, 1280]
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]
SHOWN = ["index", "api", "install", "quickstart", "faq", "whats_new", "papers"]
SHOWN += ["references", "developing", "search", "generated/skmi.KSG"]
SHOWN += ["generated/skmi.AutoMI", "leaderboard", "generated/skmi.bounds.info_nce"]
SHOWN += ["generated/skmi.MIFeatureSelector", "generated/skmi.IBEncoder", "security"]
CUT = """() => [...document.querySelectorAll(".bd-article :is(p, li, dt, code, img)")]
  .filter(node => node.getBoundingClientRect().right > innerWidth + 1)
  .filter(node => {
    for (let outer = node; outer; outer = outer.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(outer).overflowX)) {
        return outer.matches("html, body, main, .bd-main, .bd-content");
      }
    return true;
  })
  .map(node => (node.textContent || node.src).slice(0, 40))"""
TABLES = """() => new Promise(done => requestAnimationFrame(() => setTimeout(() =>
  done([...document.querySelectorAll(".bd-article table")]
    .filter(node => node.offsetWidth > node.parentElement.clientWidth + 1)
    .map(node => node.innerText.slice(0, 40))))))"""
LINKS = "nodes => nodes.map(node => node.href)"
IDS = "nodes => nodes.map(node => node.id || node.name)"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--no-first-run"]


class Handler(http.server.SimpleHTTPRequestHandler):
    """A server of files that logs nothing."""

    def log_message(self, *args):
        """Print nothing."""


def serve(folder):
    """Serve a folder on a free port of this machine, and return its address."""
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def is_shown(name):
    """Whether screenshots of a page are kept."""
    return name in SHOWN or name.startswith(("user_guide/", "auto_examples/"))


def visit(browser, address, names, width, folder):
    """Load all pages at one width; return the problems, and the links and ids."""
    problems, links, ids = [], {}, {}
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    here = [""]

    def note(text):
        problems.append(f"{here[0]} at {width}: {text}")

    page.on("console", lambda m: m.type == "error" and note(f"console: {m.text}"))
    page.on("pageerror", lambda error: note(f"script: {error}"))
    page.on("requestfailed", lambda r: note(f"request: {r.url} {r.failure}"))
    for name in names:
        here[0] = name
        page.goto(f"{address}{name}.html", wait_until="load")
        if page.locator(".math").count():
            page.wait_for_function("document.querySelector('mjx-container')")
        found = page.evaluate("document.documentElement.scrollWidth")
        if found > width:
            note(f"{found} pixels wide")
        for text in page.evaluate(CUT):
            note(f"cut at the right: {text!r}")
        for text in page.evaluate(TABLES):
            note(f"table wider than its column: {text!r}")
        url = f"{address}{name}.html"
        links[url] = page.eval_on_selector_all("a[href]", LINKS)
        ids[url] = page.eval_on_selector_all("[id], a[name]", IDS)
        if is_shown(name):
            for scheme in ("light", "dark"):
                page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
                path = folder / f"{name.replace('/', '_')}_{width}_{scheme}.png"
                page.screenshot(path=path, full_page=True)
    context.close()
    return problems, links, ids


def broken(address, folder, links, ids):
    """List the links within the site that lead nowhere."""
    missing = set()
    for source, targets in links.items():
        for target in targets:
            url, anchor = urldefrag(urljoin(source, target))
            if not url.startswith(address):
                continue
            path = folder / unquote(url.removeprefix(address).partition("?")[0])
            lost = anchor and url in ids and unquote(anchor) not in ids[url]
            if lost or not path.exists():
                missing.add(f"{source.removeprefix(address)}: {target}")
    return sorted(missing)


def main():
    """Visit every page at every width, and print what is wrong."""
    site = Path(sys.argv[1]).resolve()
    default = site.parent / "screenshots"
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else default
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(
        str(path.relative_to(site).with_suffix(""))
        for path in site.rglob("*.html")
        if "_modules" not in path.parts and "_static" not in path.parts
    )
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    program = os.environ.get("CHROMIUM", installed)
    address, problems = serve(site), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        print(browser.version, len(names), "pages")
        for width in WIDTHS:
            found, links, ids = visit(browser, address, names, width, folder)
            problems += found
        problems += broken(address, site, links, ids)
        browser.close()
    print(*problems, f"{len(problems)} problems", sep="\n")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
