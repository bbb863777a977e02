"""The namespace is the standard's, whole and nothing else: names, signatures, annotations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType

import pytest
from standard import ATTRIBUTES, CONSTANTS, DATA_TYPES, FFT, FUNCTIONS, LINALG, METHODS, OTHERS

import array_api_dist as xp
from array_api_dist._array import Array

TABLES = [(xp, FUNCTIONS), (xp.linalg, LINALG), (xp.fft, FFT)]
CASES = [
    pytest.param(module, name, expected, id=f"{module.__name__}.{name}")
    for module, table in TABLES
    for name, expected in table.items()
]


def written(function: Callable[..., object]) -> str:
    """A signature as the table writes it: names, kinds and defaults."""
    parts: list[str] = []
    last = None
    for parameter in inspect.signature(function).parameters.values():
        if last is inspect.Parameter.POSITIONAL_ONLY and parameter.kind is not last:
            parts.append("/")
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and last not in (
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.VAR_POSITIONAL,
        ):
            parts.append("*")
        star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
        parts.append(f"{star}{parameter.name}{default}")
        last = parameter.kind
    if last is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    return ", ".join(parts)


def test_the_namespace_has_exactly_the_standards_names() -> None:
    assert set(dir(xp)) == {*FUNCTIONS, *DATA_TYPES, *CONSTANTS, *OTHERS}
    assert sorted(xp.__all__) == sorted(dir(xp))
    assert xp.__array_api_version__ == "2025.12"


@pytest.mark.parametrize(("module", "table"), [(xp.linalg, LINALG), (xp.fft, FFT)])
def test_an_extension_has_exactly_the_standards_names(module: ModuleType, table: dict[str, str]) -> None:
    assert set(dir(module)) == set(table)
    assert sorted(module.__all__) == sorted(table)


@pytest.mark.parametrize(("module", "name", "expected"), CASES)
def test_a_signature_is_the_standards(module: ModuleType, name: str, expected: str) -> None:
    found = written(getattr(module, name))
    # Defaults compare by value: the table writes 0.0 where 0 is as good, and names of the standard's own module.
    assert [part.partition("=")[0] for part in found.split(", ")] == [
        part.partition("=")[0] for part in expected.replace('"', "'").split(", ")
    ]
    for ours, theirs in zip(found.split(", "), expected.split(", "), strict=True):
        assert ("=" in ours) == ("=" in theirs)
        if "=" in theirs:
            assert eval(ours.partition("=")[2]) == eval(theirs.partition("=")[2])  # noqa: S307 - literals


@pytest.mark.parametrize(("module", "name", "expected"), CASES)
def test_everything_public_is_annotated_and_documented(module: ModuleType, name: str, expected: str) -> None:
    function = getattr(module, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())
    assert inspect.getdoc(function)


def test_the_array_has_the_standards_methods_and_one_attribute_more() -> None:
    assert not set(METHODS) - set(dir(Array))
    public = {name for name in dir(Array) if not name.startswith("_")}
    assert public == {*ATTRIBUTES, *(name for name in METHODS if not name.startswith("_")), "partition"}


@pytest.mark.parametrize(("name", "expected"), METHODS.items())
def test_a_method_takes_the_standards_parameters(name: str, expected: str) -> None:
    names = [part.partition("=")[0] for part in expected.split(", ")]
    ours = [part.partition("=")[0] for part in written(getattr(Array, name)).split(", ")]
    assert [part for part in ours if part != "/"] == [part for part in names if part != "/"]


def test_the_namespace_of_an_array_is_always_the_same_module() -> None:
    x = xp.ones(3)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2025.12") is xp
    with pytest.raises(ValueError, match="API version"):
        x.__array_namespace__(api_version="1999.01")
