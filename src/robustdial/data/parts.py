"""Which part of a set a name means: as people call training, validation and test folders, files and splits."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Literal, get_args

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

_CALLED: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training", "trn", "trainval"),
    "val": ("val", "valid", "validate", "validation", "dev", "devel", "development", "eval"),
    "test": ("test", "tests", "testing", "tst", "holdout"),
}
_ELSEWHERE: dict[Part, str] = {
    "train": """
        trainieren trainingsdaten trainingsbilder entraînement entrainement apprentissage entrenamiento treino
        treinamento addestramento обучение 训练 训练集 訓練 学習 학습 훈련
    """,
    "val": """
        validierung validierungsdaten validación validacion validação validacao validazione validatie валидация 验证
        验证集 検証 검증
    """,
    "test": "testen testdaten testbilder teste testes тест 测试 测试集 テスト 테스트",
}
_PART_OF: dict[str, Part] = {
    name: part for part, names in _CALLED.items() for name in (*names, *_ELSEWHERE[part].split())
}
_FILLERS = frozenset(
    ("set", "sets", "data", "dataset", "daten", "images", "imgs", "pictures", "bilder", "fotos", "split", "part")
)


def part_called(name: str) -> Part | None:
    """The part that a whole name means, in any case and several languages, with numbers or words like "set", or None.

    >>> part_called("Training"), part_called("val2017"), part_called("test_set"), part_called("TrainSet")
    ('train', 'val', 'test', 'train')
    >>> part_called("test tubes"), part_called("trains")
    (None, None)
    """
    words = [word for word in _words(name) if word not in _FILLERS]
    return _part_of(words[0]) if len(words) == 1 else None


def part_among(name: str) -> Part | None:
    """The part that one of the words of a file's name means; None if there is no such word, or two disagree.

    >>> part_among("birds_Train-00000-of-00002.parquet"), part_among("birds.parquet")
    ('train', None)
    """
    found = {part for word in _words(name) if (part := _part_of(word))}
    return found.pop() if len(found) == 1 else None


def part_of(file: Path) -> Part | None:
    """The part of a file by its own name, or by that of the nearest folder that names one.

    >>> part_of(Path("train/0.parquet")), part_of(Path("old/birds-test.parquet"))
    ('train', 'test')
    """
    folders = [part_called(name) for name in reversed(file.parts[:-1])]
    return next((part for part in (part_among(file.stem), *folders) if part), None)


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", name).lower())


def _part_of(word: str) -> Part | None:
    return _PART_OF.get(word) or _PART_OF.get(word.removesuffix("set").removesuffix("data"))
