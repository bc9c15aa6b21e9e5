"""The page in a real browser; skipped where there is no Chromium, Playwright or Gradio."""

import shutil
import socket
import time

import pytest

playwright = pytest.importorskip("playwright.sync_api")
gradio = pytest.importorskip("gradio", exc_type=ImportError)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore"),  # of the server's libraries
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def address(folder):
    from robustdial.app import open_demonstration, pieces
    from robustdial.app.page import THEME, UPLOAD, page

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    blocks = page(open_demonstration(folder)).queue()
    look = {"theme": THEME, "css": pieces.STYLE, "ssr_mode": False, "quiet": True}
    blocks.launch(server_port=port, prevent_thread_lock=True, max_file_size=UPLOAD, **look)
    yield f"http://127.0.0.1:{port}"
    blocks.close()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visitor(browser, address):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.asked = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(address)
    tab.wait_for_selector("#answers .rd-bars", timeout=60_000)
    yield tab
    tab.close()


def bars_of(tab):
    return tab.inner_text("#answers")


def test_the_answer_follows_the_slider_and_no_other_server_is_asked(visitor, address):
    before = bars_of(visitor)
    visitor.fill("#lambda input[type=number]", "1")
    visitor.press("#lambda input[type=number]", "Enter")
    visitor.wait_for_function(
        "text => document.querySelector('#answers').innerText !== text", arg=before, timeout=30_000
    )
    assert all(url.startswith((address, "data:", "blob:")) for url in visitor.asked), visitor.asked


def test_an_attack_shows_three_images_and_two_answers(visitor):
    visitor.click("#attack")
    visitor.wait_for_function("document.querySelectorAll('#images img').length === 3", timeout=30_000)
    assert "the attacked image" in bars_of(visitor)
    assert visitor.evaluate("document.documentElement.scrollWidth <= window.innerWidth")  # on a phone


def test_a_wrong_file_is_one_line_without_a_path(visitor, tmp_path):
    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(b"no image")
    visitor.set_input_files("#upload ~ input[type=file], input[type=file]", wrong)
    visitor.wait_for_selector("text=Send a PNG or a JPEG", timeout=30_000)
    assert str(tmp_path) not in visitor.content()


def test_two_visitors_do_not_see_each_others_image(visitor, browser, address):
    other = browser.new_page()
    other.goto(address)
    other.wait_for_selector("#answers .rd-bars", timeout=60_000)
    visitor.click("#attack")
    visitor.wait_for_function("document.querySelectorAll('#images img').length === 3", timeout=30_000)
    time.sleep(0.3)
    assert other.evaluate("document.querySelectorAll('#images img').length") == 1
    other.close()
