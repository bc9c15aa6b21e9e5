"""`robustdial app`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError


def app(
    run: Path,
    /,
    host: str = "127.0.0.1",
    port: int | None = None,
    static: Path | None = None,
    data: str | None = None,
    device: str = "auto",
) -> int:
    """Show a trained dial on a page: robustdial app runs/x

    Sliders for lambda, width and the adversary's radius; a test image, one of yours, or a drawing; attacks, the place
    on the frontier, and the choice of a position. Needs pip install 'robustdial[app]'.

    Args:
        run: folder of the run.
        host: address to serve on; this machine alone can reach the default.
        port: port to serve on; by default a free one from 7860 on.
        static: instead of serving, write a folder that any static host serves: the positions of the dial as ONNX files,
            which the browser runs.
        data: where the images of the run are now, or others, as in training; by default where they were.
        device: auto, cpu or cuda.
    """
    if port is not None and not 0 < port < 2**16:
        raise UsageError(f"--port {port} is no port. Give one from 1 to {2**16 - 1}, or leave it out.")
    from robustdial.app import open_demonstration, write_static

    demo = open_demonstration(run, device, data)
    if static is not None:
        write_static(demo, static)
        console.print(f"wrote {static}; try it: python -m http.server -d {quote(str(static))}", soft_wrap=True)
        return 0
    try:
        from robustdial.app.page import serve
    except ModuleNotFoundError as error:
        raise ValueError(f"The page needs {error.name}. Install it: pip install 'robustdial[app]'.") from None
    where = "" if port is None else f":{port}"
    console.print(f"serving on http://{host}{where or ':7860'} (or the next free port); Ctrl-C ends it")
    try:
        serve(demo, host, port)
    except OSError as error:
        remedy = "Give another --port, or a --host of this machine"
        raise OSError(f"No page can be served on {host}{where}. {remedy}.") from error
    return 0
