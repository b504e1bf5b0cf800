"""What `import lineament` promises."""

import ast
import inspect
from pathlib import Path

import pytest

import lineament

DOCUMENTED = [name for name in lineament.__all__ if not name.startswith("__")]


def test_the_public_names_are_sorted_and_few():
    assert lineament.__all__ == sorted(lineament.__all__)
    assert len(set(lineament.__all__)) == len(lineament.__all__) < 27


def test_the_names_for_type_checkers_are_the_public_names():
    tree = ast.parse(Path(lineament.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body for alias in node.names}
    assert imported == set(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(lineament, name)
    assert value.__doc__, f"{name} has no docstring"
    assert value.__name__ == name


@pytest.mark.parametrize("name", DOCUMENTED)
def test_public_methods_and_properties_are_documented(name):
    value = getattr(lineament, name)
    if inspect.isclass(value):
        for attribute, member in vars(value).items():
            described = inspect.isroutine(member) or isinstance(member, property | classmethod | staticmethod)
            assert attribute.startswith("_") or not described or member.__doc__, f"{name}.{attribute}"


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if name[0].islower()])
def test_public_functions_say_the_type_of_everything(name):
    signature = inspect.signature(getattr(lineament, name))
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match="FaceAligner"):
        lineament.FaceAlinger  # noqa: B018
