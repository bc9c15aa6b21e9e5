"""A file imports only from lower floors, and siblings on one floor have no doors between them."""

import ast
import re
from pathlib import Path

import pytest

import robustdial

SOURCE = Path(robustdial.__file__).parent
WALK = Path(__file__).parents[1] / "docs" / "house.md"


def floors_of(walk):
    """{room: floor} and {room: {part: floor within it}}, from the table in the docs."""
    rooms, parts = {}, {}
    for line in re.findall(r"^\d+ .*$", walk, flags=re.M):
        floor, room, *inside, _ = re.split(r"\s{2,}", line)
        rooms[room] = int(floor)
        if inside:
            levels = reversed(inside[0].split(" > "))
            parts[room] = {part: level for level, names in enumerate(levels) for part in names.split()}
    return rooms, parts


FLOOR, INSIDE = floors_of(WALK.read_text(encoding="utf-8"))
FLOOR |= dict.fromkeys(("__init__", "__main__"), 1 + max(FLOOR.values()))


def imports(path):
    """(dotted names below the package, line) of everything a file imports from the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"a relative import at {path}:{node.lineno}"
            if (node.module or "").split(".")[0] == "robustdial":
                yield from (([*node.module.split(".")[1:], alias.name], node.lineno) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from ((parts[1:], node.lineno) for parts in names if parts[0] == "robustdial" and parts[1:])


def upwards(room, floor):
    """Imports among the parts of a room (or, with none, among the rooms) that do not go down, in words."""
    depth = len(room)
    for path in SOURCE.joinpath(*room).rglob("*.py"):
        own = path.relative_to(SOURCE).parts[depth].removesuffix(".py")
        for parts, line in imports(path):
            other = parts[depth] if list(room) == parts[:depth] and len(parts) > depth else own
            if own != "__init__" and other != own and floor[other] >= floor[own]:
                where = path.relative_to(SOURCE)
                yield f"{where}:{line} (floor {floor[own]}) imports {other} (floor {floor[other]})"


def names_in(room):
    within = SOURCE.joinpath(*room).iterdir()
    return {path.stem for path in within if path.suffix == ".py" or (path / "__init__.py").exists()}


def test_every_room_has_a_floor():
    assert names_in([]) == FLOOR.keys(), names_in([]) ^ FLOOR.keys()


def test_imports_go_down_only():
    wrong = list(upwards([], FLOOR))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", INSIDE)
def test_within_a_room_imports_go_down_too(room):
    assert names_in([room]) - {"__init__"} == INSIDE[room].keys()
    wrong = list(upwards([room], INSIDE[room]))
    assert not wrong, "\n".join(wrong)
