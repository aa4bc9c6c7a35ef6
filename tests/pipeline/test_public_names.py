import importlib
import subprocess
import sys

import pytest

import pipeline


@pytest.mark.parametrize("name", pipeline.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(pipeline, name).__name__ in {name, "Annotated"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pipeline' has no attribute 'Pipelin'"):
        _ = importlib.import_module("pipeline").Pipelin


def test_the_package_itself_imports_nothing_of_ours() -> None:
    code = "import pipeline, sys; print(sorted(m for m in sys.modules if m.split('.')[0] in ('components', 'models')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
