"""Make the moving picture of the front: python docs/moving.py runs/demo

Drives the page of `robustdial app` in Chromium: lambda goes from its accurate to its robust end and back, and the
image is attacked anew at every stop. Needs Playwright, Chromium and the extra `app`.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from robustdial.app import open_demonstration, pieces
from robustdial.app.page import THEME, page

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SIZE = {"width": 800, "height": 545}
STOPS = [stop / 20 for stop in range(21)]
PAUSE, FRAME = 1600, 160
"""Milliseconds at either end of the dial, and at each stop between them."""
STYLE = """
h1, h1 + p, footer, #eps, #attack, #other, #attack-other { display: none !important }
#frontier ~ *, .rd-card:nth-child(3) { display: none !important }
.rd-card { max-width: 170px !important }
#frontier { position: fixed; left: 410px; top: 140px; width: 370px }
.rd-plot text { font-size: 14px !important }
"""
"""What the picture leaves out of the page, and the frontier beside the images."""


def frames(address, sample):
    """Pictures of the page along the dial."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        tab = browser.new_page(viewport=SIZE, color_scheme="light")
        tab.goto(address)
        tab.wait_for_selector("#answers .rd-bars", timeout=60_000)
        tab.click(f"#gallery button >> nth={sample}")
        tab.add_style_tag(content=STYLE)
        tab.evaluate("scrollTo(0, 0)")
        tab.wait_for_timeout(500)
        for stop in STOPS:
            yield attacked_at(tab, stop)
        browser.close()


def attacked_at(tab, stop):
    """The page after the slider moved to a stop and the image was attacked there."""
    tab.fill("#lambda input[type=number]", f"{stop:g}")
    tab.press("#lambda input[type=number]", "Enter")
    tab.wait_for_timeout(300)
    tab.eval_on_selector("#attack", "button => button.click()")
    tab.wait_for_selector(f"#images figcaption:has-text('lambda {stop:.2f}')", timeout=30_000)
    tab.wait_for_timeout(400)  # the bars glide
    tab.mouse.move(0, 0)
    return Image.open(io.BytesIO(tab.screenshot())).convert("RGB")


def main(run, sample):
    blocks = page(open_demonstration(run)).queue()
    _, address, _ = blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, theme=THEME, css=pieces.STYLE)
    there = list(frames(address, sample))
    blocks.close()
    film = [*there, *there[-2:0:-1]]
    palette = there[0].quantize(128)
    times = [PAUSE if frame in (there[0], there[-1]) else FRAME for frame in film]
    first, *rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in film)
    first.save(Path(__file__).with_name("moving.gif"), save_all=True, append_images=rest, duration=times, loop=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
