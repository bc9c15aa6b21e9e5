"""A file imports only from lower floors, and siblings on one floor have no doors between them."""

import ast
from pathlib import Path

import robustdial

SOURCE = Path(robustdial.__file__).parent

FLOORS = [
    {"typing"},
    {
        "threat",
        "objective",
        "mask",
        "schedule",
        "rate",
        "dial",
        "models",
        "data",
        "corruption",
        "record",
        "precision",
        "folding",
        "provenance",
        "randomness",
        "theory",
    },
    {"game", "report", "generator"},
    {"solver", "learner", "export"},
    {"method", "attack", "pseudo"},
    {"recipes", "train", "evaluate", "check"},
    {"checkpoint", "health"},
    {"run"},
    {"training", "measuring", "hub"},
    {"presets", "shipping", "assessment"},
    {"comparison"},
    {"arguments", "console"},
    {"commands"},
    {"cli"},
    {"__init__", "__main__"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path):
    """(room, line) of everything a file imports from the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"a relative import at {path}:{node.lineno}", node.lineno
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "robustdial":
            parts = node.module.split(".")
            names = parts[1:2] or [alias.name for alias in node.names]
            yield from ((name, node.lineno) for name in names)
        elif isinstance(node, ast.Import):
            yield from (
                (alias.name.split(".")[1], node.lineno) for alias in node.names if alias.name.startswith("robustdial.")
            )


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in SOURCE.rglob("*.py")}
    assert rooms == FLOOR.keys(), rooms ^ FLOOR.keys()


def test_imports_go_down_only():
    wrong = [
        f"{path.relative_to(SOURCE)}:{line} (floor {FLOOR[room_of(path)]}) imports {room} (floor {FLOOR[room]})"
        for path in SOURCE.rglob("*.py")
        for room, line in imports(path)
        if room != room_of(path) and FLOOR[room] >= FLOOR[room_of(path)]
    ]
    assert not wrong, "\n".join(wrong)
