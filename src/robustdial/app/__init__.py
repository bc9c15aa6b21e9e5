"""A page for one trained dial, served by Gradio, and the same page without a server.

    demonstration.py  what the page asks of a run: answers, adversaries, costs, a choice, a file to ship
    pieces.py         HTML of what it shows: images, bars, the place on the frontier
    page.py           the page itself
    static.py         a folder that any static host serves: the positions as ONNX files, run in the browser

May import `ship`, `study` and what is below them. In: a run folder. Out: a page on this machine, or a folder.
"""

from robustdial.app.demonstration import Demonstration, open_demonstration
from robustdial.app.static import write_static

__all__ = ["Demonstration", "open_demonstration", "write_static"]
