"""Where the numbers of an epoch go besides `epochs.jsonl`, which stays the truth: TensorBoard, W&B, MLflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, Protocol

from robustdial.checks import nearest
from robustdial.run.experiment import Experiment
from robustdial.typing import Json


class Log(Protocol):
    """Takes the numbers of each epoch, and is closed at the end."""

    def write(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """The numbers of an epoch, by name."""

    def close(self) -> None:
        """No more will come."""


class TensorBoard:
    """Event files in `tensorboard/` of the run's folder."""

    def __init__(self, experiment: Experiment) -> None:
        _package("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        # what a run that was killed had written of epochs that it trains again is taken back
        place = str(experiment.folder / "tensorboard")
        self.writer = SummaryWriter(place, purge_step=experiment.state.epoch + 1)  # type: ignore[no-untyped-call]

    def write(self, epoch: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, epoch)  # type: ignore[no-untyped-call]
        self.writer.flush()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self.writer.close()  # type: ignore[no-untyped-call]


class WandB:
    """A run of Weights & Biases; a resumed run goes on in it."""

    def __init__(self, experiment: Experiment) -> None:
        about, folder = experiment.about, experiment.folder
        name = re.sub(r"\W", "-", f"{folder.name}-{about.get('created', '')}")
        settings = {"recipe": about["recipe"], **about["knobs"], **about["run"]}
        wandb = _package("wandb")
        self.run = wandb.init(
            project="robustdial", name=folder.name, id=name, resume="allow", dir=str(folder), config=settings
        )

    def write(self, epoch: int, numbers: Mapping[str, float]) -> None:
        self.run.log(dict(numbers), step=epoch)

    def close(self) -> None:
        self.run.finish()


class MLflow:
    """A run of MLflow in the experiment `robustdial`, where MLFLOW_TRACKING_URI says."""

    def __init__(self, experiment: Experiment) -> None:
        about = experiment.about
        self.mlflow = _package("mlflow")
        self.mlflow.set_experiment("robustdial")
        self.mlflow.start_run(run_name=experiment.folder.name)
        self.mlflow.log_params({"recipe": about["recipe"], **about["knobs"], **about["run"]})

    def write(self, epoch: int, numbers: Mapping[str, float]) -> None:
        self.mlflow.log_metrics(dict(numbers), step=epoch)

    def close(self) -> None:
        self.mlflow.end_run()


LOGS: dict[str, Callable[[Experiment], Log]] = {"tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}


def check_logs(names: Sequence[str]) -> None:
    """Raises ValueError, one line, for a log that there is not, or whose package is not installed."""
    for name in names:
        if name not in LOGS:
            raise ValueError(
                f"--log {name}: there is no such log. The nearest is {nearest(name, tuple(LOGS))!r}; all of them: "
                f"{', '.join(LOGS)}."
            )
        _package(name)


def logs_of(names: Sequence[str], experiment: Experiment) -> list[Log]:
    """The logs of these names, each once, for a run that begins or goes on."""
    return [LOGS[name](experiment) for name in dict.fromkeys(names)]


@contextmanager
def closing_all(logs: Sequence[Log]) -> Iterator[None]:
    """Close them at the end, however it comes."""
    with ExitStack() as stack:
        for log in logs:
            stack.callback(log.close)
        yield


def numbers_of(epoch: Mapping[str, Json]) -> dict[str, float]:
    """The numbers of a line of `epochs.jsonl`, by name.

    >>> numbers_of({"epoch": 1, "loss": 0.5, "val": [{"lam": 1.0, "clean": 0.9, "robust": 0.4, "n": 9}]})
    {'loss': 0.5, 'val/clean/lambda 1': 0.9, 'val/robust/lambda 1': 0.4}
    """
    plain = {name: float(value) for name, value in epoch.items() if name != "epoch" and _is_number(value)}
    for point in epoch["val"]:
        at = "" if point["lam"] is None else f"/lambda {point['lam']:g}"
        plain |= {f"val/{side}{at}": point[side] for side in ("clean", "robust") if point[side] is not None}
    return plain | {f"health/{name}": float(v) for name, v in epoch.get("health", {}).items() if _is_number(v)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _package(name: str) -> Any:
    """The package that a log is called after."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ValueError(f"--log {name} needs the package {name}. Install it: pip install {name}.") from None
