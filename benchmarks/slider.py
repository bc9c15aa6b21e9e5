"""How long a move of the page's lambda slider takes, in a browser.

Needs Chromium, Playwright and the extra `app`. A move is a key that moves the slider by a hundredth; its time runs from
the key to the new place on the frontier, which comes with the class bars: server, queue and network included. Every
move goes to a position that was not looked at before. The run needs a measured frontier.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from robustdial.app import open_demonstration, pieces
from robustdial.app.page import THEME, page

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WATCH = """() => new Promise(done => {
  const slider = document.querySelector("#lambda input[type=range]");
  const place = () => [...document.querySelectorAll("#frontier circle")].pop().outerHTML;
  const before = place(), began = performance.now();
  const watcher = new MutationObserver(() => {
    if (place() === before) return;
    watcher.disconnect();
    done(performance.now() - began);
  });
  watcher.observe(document.querySelector("#frontier"), {childList: true, subtree: true, characterData: true});
  slider.stepUp();
  slider.dispatchEvent(new Event("input", {bubbles: true}));
  slider.dispatchEvent(new Event("change", {bubbles: true}));
})"""


def moves(tab: Page, number: int) -> list[float]:
    """Milliseconds of each move."""
    times = []
    for _ in range(number):
        times.append(tab.evaluate(WATCH))
        tab.wait_for_timeout(200)  # a visitor looks before the next move
    return times


def main(run: Path, number: int) -> None:
    blocks = page(open_demonstration(run)).queue()
    _, address, _ = blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, theme=THEME, css=pieces.STYLE)
    with sync_playwright() as driver:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        tab = browser.new_page()
        tab.goto(address)
        tab.wait_for_selector("#answers .rd-bars", timeout=60_000)
        times = sorted(moves(tab, number))
        browser.close()
    blocks.close()
    print(json.dumps({"moves": number, "median_ms": statistics.median(times), "worst_ms": times[-1]}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run, with its frontier measured")
    parser.add_argument("--moves", type=int, default=30)
    given = parser.parse_args()
    main(given.run, given.moves)
