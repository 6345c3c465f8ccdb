"""The house of DESIGN.md: lower floors never import upper ones, files are small, nothing heavy at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fewtext"
FLOORS = {
    "lazy": 0, "version": 0, "folders": 0, "registration": 0, "data": 1, "models": 1, "sharing": 1, "evaluation": 2,
    "training": 3, "inference": 3, "serving": 4, "commands": 5, "cli": 6, "__main__": 7,
}  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path_or_module):
    parts = (
        path_or_module.relative_to(PACKAGE).with_suffix("").parts
        if isinstance(path_or_module, Path)
        else path_or_module.split(".")[1:]
    )
    return parts[0] if parts else "__init__"


def imports(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fewtext"):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("fewtext"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_lower_floors_do_not_import_upper_ones(file):
    own = room(file)
    if own == "__init__":
        return
    assert own in FLOORS, f"{own} has no floor"
    for module in imports(file):
        other = room(module)
        assert FLOORS[other] <= FLOORS[own], f"{file.name} (floor {FLOORS[own]}) imports {module}"
        if own == "data":
            assert other != "models"  # same floor, one direction


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_rooms_are_small_and_named_for_what_they_hold(file):
    assert "util" not in file.name and "helper" not in file.name
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300


def test_tests_mirror_the_package():
    tests = Path(__file__).parent
    have = {path.relative_to(tests) for path in tests.rglob("test_*.py")}
    plain = {"version", "lazy", "__init__", "__main__", "explanation", "markers"}
    for file in FILES:
        relative = file.relative_to(PACKAGE)
        if file.stem not in plain and relative.parts[0] != "commands":
            assert relative.with_name(f"test_{relative.name}") in have, f"no test for {relative}"


def run(code):
    return subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)


def test_import_loads_nothing_heavy():
    done = run("import fewtext, sys; print(sorted(m for m in sys.modules if '.' not in m))")
    loaded = done.stdout
    for heavy in ("'torch'", "'transformers'", "'numpy'", "'datasets'", "'scipy'"):
        assert heavy not in loaded
    microseconds = int(done.stderr.strip().splitlines()[-1].split("|")[1])
    assert microseconds < 200_000


def test_every_public_name_can_be_imported():
    import fewtext
    import fewtext.data

    for package in (fewtext, fewtext.data):
        for name in package.__all__:
            assert getattr(package, name).__name__ == name
        assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fewtext.nothing  # noqa: B018
