"""The page: sliders for lambda, width and the adversary's radius, an image, and what the network makes of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image
from torch import Tensor

from robustdial.app import pieces
from robustdial.app.demonstration import Demonstration, Picture
from robustdial.method.threat import Ball
from robustdial.own_code import named
from robustdial.study.tradeoff import Targets
from robustdial.typing import Json

ATTACK, IMAGES = "pgd-20", 200
"""With what, and on how many images, `choose` measures from the page."""
UPLOAD = "8mb"
THEME = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])

_FAST: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "api_visibility": "private"}
_SLOW: dict[str, Any] = {"concurrency_id": "attack", "concurrency_limit": 1, "api_visibility": "private"}
"""How moves of a slider are answered, and how what takes long: one after the other, for all visitors."""

Shown = tuple[Picture, Tensor | None, str]
"""What a visitor looks at: the image, the attacked one, and how that was made."""


class _Controls(NamedTuple):
    lam: gr.Slider
    width: gr.Radio
    eps: gr.Slider
    attack: gr.Button
    other: gr.Slider
    attack_other: gr.Button


class _Sources(NamedTuple):
    gallery: gr.Gallery
    upload: gr.UploadButton
    pad: gr.Sketchpad
    drawn: gr.Button


def page(demo: Demonstration) -> gr.Blocks:
    """The page of a run, to be launched."""
    blocks = gr.Blocks(title="robustdial", analytics_enabled=False, delete_cache=(3600, 3600))
    with blocks:
        shown = gr.State((demo.samples[0], None, ""))
        gr.Markdown(f"# Turn the dial\n{_about(demo)}")
        controls = _controls(demo)
        images, answers = gr.HTML(elem_id="images"), gr.HTML(elem_id="answers")
        with gr.Row():
            frontier = gr.HTML(elem_id="frontier")
            with gr.Column():
                sources = _sources(demo)
        _choose_form(demo, controls.lam, controls.width)
        stand, view = [shown, controls.lam, controls.width], [images, answers, frontier]
        _follow_the_sliders(demo, controls, stand, view, blocks)
        _follow_the_buttons(demo, controls, sources, stand, [shown, *view])
    return blocks


def _controls(demo: Demonstration) -> _Controls:
    with gr.Row():
        lam = _lambda_slider(demo, "lambda: 0 is accurate, 1 is robust", "lambda")
        width, eps = _width(demo), _radius(demo)
    with gr.Row():
        attack = gr.Button("Attack at this lambda", variant="primary", elem_id="attack")
        other = _lambda_slider(demo, "another lambda", "other")
        attack_other = gr.Button("Attack at the other", elem_id="attack-other")
    return _Controls(lam, width, eps, attack, other, attack_other)


def _sources(demo: Demonstration) -> _Sources:
    gr.Markdown("### An image of yours")
    gallery = gr.Gallery(
        [_tile(demo, sample) for sample in demo.samples],
        columns=6,
        height="auto",
        allow_preview=False,
        label="test images",
        elem_id="gallery",
        buttons=[],
    )
    upload = gr.UploadButton("Send an image", file_types=["image"], elem_id="upload")
    with gr.Accordion("Draw one", open=False):
        brush = gr.Brush(default_size=26, colors=["#000000"], color_mode="fixed")
        label = "draw, then press the button"
        pad = gr.Sketchpad(type="pil", canvas_size=(280, 280), brush=brush, layers=False, label=label, buttons=[])
        drawn = gr.Button("Look at the drawing")
    return _Sources(gallery, upload, pad, drawn)


def _follow_the_sliders(
    demo: Demonstration, controls: _Controls, stand: list[Any], view: list[Any], blocks: gr.Blocks
) -> None:
    look = _told(lambda shown, at, width: _view(demo, shown, at, width))
    for slider in (controls.lam, controls.width):
        slider.change(look, stand, view[1:], **_FAST)
    everything = _told(lambda shown, at, width: (_images(shown), *_view(demo, shown, at, width)))
    blocks.load(everything, stand, view, show_progress="hidden")


def _follow_the_buttons(
    demo: Demonstration, controls: _Controls, sources: _Sources, stand: list[Any], everything: list[Any]
) -> None:
    def all_of(now: Shown, at: float, width: float) -> tuple[Any, ...]:
        return now, _images(now), *_view(demo, now, at, width)

    def attacked(shown: Shown, at: float, width: float, eps: float, where: float) -> tuple[Any, ...]:
        adv = demo.attacked(shown[0], _lam(demo, where), width, eps)
        how = f"attacked at lambda {where:.2f}" + (f", eps {eps:.3f}" if isinstance(demo.threat, Ball) else "")
        return all_of((shown[0], adv, how), at, width)

    @_told
    def picked(event: gr.SelectData, at: float, width: float) -> tuple[Any, ...]:
        return all_of((demo.samples[int(event.index)], None, ""), at, width)

    sent = _told(lambda path, at, width: all_of((demo.open(path), None, ""), at, width))
    sketched = _told(lambda image, at, width: all_of((demo.read(_drawing(image)), None, ""), at, width))
    here = _told(lambda shown, at, width, eps: attacked(shown, at, width, eps, at))
    controls.attack.click(here, [*stand, controls.eps], everything, **_SLOW)
    controls.attack_other.click(_told(attacked), [*stand, controls.eps, controls.other], everything, **_SLOW)
    sources.gallery.select(picked, stand[1:], everything, **_FAST)
    sources.upload.upload(sent, [sources.upload, *stand[1:]], everything, **_SLOW)
    sources.drawn.click(sketched, [sources.pad, *stand[1:]], everything, **_SLOW)


def serve(demo: Demonstration, host: str, port: int | None) -> None:
    """Serve the page until it is interrupted. Raises OSError if the port is taken."""
    page(demo).queue(max_size=32).launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        max_file_size=UPLOAD,
        footer_links=[],
        ssr_mode=False,
        theme=THEME,
        css=pieces.STYLE,
    )


def _about(demo: Demonstration) -> str:
    about = demo.experiment.about
    network, recipe = named(about["model"]["name"]), named(about["recipe"])
    data = demo.experiment.data.name.partition(":")[0]
    return (
        f"One network ({network}, `{recipe}`, {data}), one set of weights. Move lambda and watch the answer "
        "to the clean and to the attacked image change."
    )


def _lambda_slider(demo: Demonstration, label: str, name: str) -> gr.Slider:
    lams = [lam for lam in demo.lambdas if lam is not None]
    low, high = (min(lams), max(lams)) if lams else (0.0, 1.0)
    several = len(lams) > 1
    middle = lams[len(lams) // 2] if lams else 1.0
    return gr.Slider(
        low,
        high if several else low + 1,
        value=middle,
        step=0.01,
        label=label,
        elem_id=name,
        visible=several,
        buttons=[],
    )


def _width(demo: Demonstration) -> gr.Radio:
    choices = [(f"{100 * width:g} %", width) for width in demo.widths]
    return gr.Radio(choices, value=demo.widths[0], label="width", elem_id="width", visible=len(choices) > 1)


def _radius(demo: Demonstration) -> gr.Slider:
    radius = demo.threat.radius
    label = f"radius of the adversary ({demo.threat.name}); trained with {radius:.3g}"
    is_ball = isinstance(demo.threat, Ball)
    return gr.Slider(
        0.0, 2 * radius, value=radius, step=radius / 32, label=label, elem_id="eps", visible=is_ball, buttons=[]
    )


def _lam(demo: Demonstration, value: float) -> float | None:
    """The trained lambda that a slider means, or the value itself; None without a dial."""
    if demo.lambdas == (None,):
        return None
    near = min((lam for lam in demo.lambdas if lam is not None), key=lambda lam: abs(lam - value))
    return near if abs(near - value) < 0.006 else value  # the slider moves in hundredths, trained lambdas may be thirds


def _images(shown: Shown) -> str:
    picture, adv, how = shown
    told = ["the image", how, "what was added, as strong as can be shown"]
    return pieces.trio(picture.x, adv, told)


def _view(demo: Demonstration, shown: Shown, at: float, width: float) -> tuple[str, str]:
    picture, adv, _ = shown
    lam, points = _lam(demo, at), demo.points
    clean = pieces.bars("the image", demo.answer(picture.x, lam, width), demo.classes, picture.label)
    parts = [clean]
    if adv is not None:
        parts.append(pieces.bars("the attacked image", demo.answer(adv, lam, width), demo.classes, picture.label))
    worth = pieces.worth(points, lam, width, *demo.cost(width))
    return pieces.side_by_side(*parts), pieces.plot(points, lam, width) + worth


def _choose_form(demo: Demonstration, lam: gr.Slider, width: gr.Radio) -> None:
    with gr.Accordion("What do you need?", open=False, visible=demo.lambdas != (None,)):
        with gr.Row():
            clean = gr.Number(label="clean accuracy at least, %", minimum=0, maximum=100, elem_id="clean-min")
            robust = gr.Number(label="robust accuracy at least, %", minimum=0, maximum=100)
            macs = gr.Number(label="multiply-adds at most, millions", minimum=0)
        find = gr.Button("Choose a position", elem_id="choose")
        said = gr.Markdown(elem_id="chosen")
        place = gr.State(None)
        make = gr.DownloadButton("Make and download the ONNX file", visible=False, elem_id="onnx")

        @_told
        def chosen(c: float | None, r: float | None, m: float | None) -> tuple[Any, ...]:
            asked = {"clean_min": c and c / 100, "robust_min": r and r / 100, "macs_max": m and m * 1e6}
            answer = demo.choose(Targets(**{name: v for name, v in asked.items() if v}), ATTACK, IMAGES)
            where = (answer["lam"], answer["width"])
            return _answer(answer), where, gr.update(visible=answer["met"], value=None), *where

        @_told
        def shipped(where: tuple[float | None, float]) -> str:
            out = Path(tempfile.mkdtemp(prefix="dial-"))
            file = demo.ship(*where, out / "new")
            return str(shutil.move(str(file), out / file.name))

        find.click(chosen, [clean, robust, macs], [said, place, make, lam, width], **_SLOW)
        make.click(shipped, place, make, **_SLOW)


def _answer(answer: Json) -> str:
    point = answer["test"]
    head = "**Found:**" if answer["met"] else "**Out of reach.** The nearest:"
    return (
        f"{head} lambda {answer['lam']:.3g}, width {answer['width']:g}: {point['clean']:.1%} clean, "
        f"{point['robust']:.1%} robust on {point['n']} test images ({point['attack']})."
    )


def _tile(demo: Demonstration, sample: Picture) -> tuple[Image.Image, str]:
    large = pieces.picture(sample.x).resize((96, 96), Image.Resampling.NEAREST)
    return large, "" if sample.label is None else demo.classes[sample.label]


def _drawing(value: dict[str, Any] | None) -> Image.Image:
    """A drawing, bright on dark, as the grey sets of digits are. Raises ValueError if nothing was drawn."""
    image = (value or {}).get("composite")
    alpha = np.zeros(1) if image is None else np.asarray(image.convert("RGBA"))[..., 3]
    if not alpha.any():
        raise ValueError("Nothing is drawn yet.")
    return Image.fromarray(alpha)


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Bad input is one line for the visitor, without a path of this machine."""

    @wraps(function)
    def safe(*args: Any) -> Any:
        try:
            return function(*args)
        except (ValueError, TypeError) as error:
            raise gr.Error(" ".join(str(error).split()), print_exception=False) from None
        except OSError:
            raise gr.Error("That file cannot be read.", print_exception=False) from None

    return safe
