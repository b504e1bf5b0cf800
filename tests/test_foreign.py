import ast
from pathlib import Path

import pytest

from lineament.errors import DataError, ImageError, ModelError
from lineament.foreign import foreign, reason_of

PACKAGE = Path(__file__).parents[1] / "src" / "lineament"


@pytest.mark.parametrize(
    "error",
    [AssertionError(), KeyError("a"), RecursionError("deep"), MemoryError(), OverflowError("x"), EOFError()],
)
def test_any_exception_becomes_ours_with_file_reason_and_remedy(error):
    expected = pytest.raises(ModelError, match=r"^a\.bin cannot be read \(.+\)\. Copy it\.$")
    with expected, foreign(ModelError, "a.bin cannot be read", "Copy it."):
        raise error


def test_our_own_errors_pass_and_interrupts_too():
    for error in (DataError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)), foreign(ImageError, "a", "b"):
            raise error


def test_a_reason_is_one_short_line():
    assert reason_of(ValueError("two\n lines")) == "two lines"
    assert reason_of(KeyError("name")) == "KeyError: 'name'"
    assert reason_of(AssertionError()) == "AssertionError"
    assert reason_of(RecursionError("max")) == "it is nested too deeply"
    assert len(reason_of(ValueError("a" * 5000))) < 250


DECODERS = {
    *("np.load", "np.loadtxt", "np.genfromtxt", "np.fromfile", "csv.reader", "csv.DictReader"),
    *("json.load", "json.loads", "tomllib.load", "tomllib.loads", "zipfile.ZipFile", "tarfile.open"),
    *("torch.load", "h5py.File", "onnx.load", "onnx.load_from_string", "scipy_io.loadmat"),
    *("Image.open", "pickle.load", "pickle.loads"),
}
NO_DOOR_NEEDED = {
    "batch/job.py": "text that it has just written",
    "batch/reading.py": "called within the door of photographs that come together",
    "bundle/archive.py": "called within `reading`, and what it writes itself",
    "bundle/manifest.py": "called within `reading`",
    "data/build/builder.py": "a list of our own, of which is kept what can be read",
    "data/crops/camera_effects.py": "a picture that it has just compressed",
    "data/photographs/face_sets.py": "called within a door of the same class",
    "data/samples/held_out.py": "a file of the package",
    "data/samples/shards.py": "an archive that it writes",
    "data/texture/photos.py": "an archive that `read_collection` has opened",
    "evaluate/baselines/worker.py": "in another process, of what ours has written",
    "evaluate/expressions/photographs.py": "archives that `read_collection` has opened, our own list",
    "evaluate/expressions/pictures.py": "pictures that it has just compressed",
    "export/csv_table.py": "called within `errors`",
    "export/map_files.py": "an archive that it writes",
    "image/jpeg.py": "called within the door of pictures",
    "train/batches/samples.py": "text that it has just written",
    "train/detector/mosaics.py": "numbers of a file whose header has been read and checked",
    "train/engine/run_folder.py": "text that it has just written",
    "train/onnx/graph.py": "a graph that torch has just written",
    "train/onnx/int8.py": "a graph that ONNX Runtime has just written",
}
"""Modules that decode something outside of a door, and why they may."""


def is_a_door(expression):
    """Whether this, entered by `with`, lets no exception of a decoder through."""
    if not isinstance(expression, ast.Call):
        return False
    named = ast.unparse(expression.func) in {"foreign", "_opened", "_file", "reading"}
    return named or ast.unparse(expression) == "suppress(Exception)"


def catches_all(node):
    return any(handler.type and ast.unparse(handler.type) == "Exception" for handler in node.handlers)


def decoders_without_a_door(node, *, inside=False):
    """Lines of calls that decode something outside of a door."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in DECODERS and not inside:
        yield node.lineno
    if isinstance(node, ast.With):
        for item in node.items:  # what stands after the door is behind it
            yield from decoders_without_a_door(item.context_expr, inside=inside)
            inside = inside or is_a_door(item.context_expr)
    for name, value in ast.iter_fields(node):
        behind = inside or (isinstance(node, ast.Try) and name == "body" and catches_all(node))
        for child in value if isinstance(value, list) and name != "items" else [value]:
            if isinstance(child, ast.AST):
                yield from decoders_without_a_door(child, inside=behind)


def test_what_decodes_files_of_others_stands_behind_a_door():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        lines = list(decoders_without_a_door(ast.parse(path.read_text(encoding="utf-8"))))
        if lines:
            found[path.relative_to(PACKAGE).as_posix()] = lines
    assert {module: lines for module, lines in found.items() if module not in NO_DOOR_NEEDED} == {}
    assert set(NO_DOOR_NEEDED) == set(found), "these need no exception any more"


def test_lists_of_expected_exceptions_are_no_door():
    listed = "try:\n    np.load(path)\nexcept (OSError, ValueError, KeyError):\n    pass"
    assert list(decoders_without_a_door(ast.parse(listed))) == [2]
    assert list(
        decoders_without_a_door(ast.parse("with np.load(path) as data, foreign(E, a, b):\n    pass"))
    ) == [1]
    door = "with foreign(E, a, b), np.load(path) as data:\n    json.loads(data)"
    assert list(decoders_without_a_door(ast.parse(door))) == []
    late = "try:\n    pass\nexcept Exception:\n    json.loads(text)"
    assert list(decoders_without_a_door(ast.parse(late))) == [4]
