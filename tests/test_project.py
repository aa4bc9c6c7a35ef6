"""The project as a whole: its lock file, its start-up, its recipes, its size."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.assembly import pipeline_from_file
from pipeline.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "pipeline" / "recipes").glob("*.yaml"))
HEAVY = {"tensorflow", "keras", "apache_beam", "sqlalchemy", "numpy", "pandas", "pyarrow", "rich"}


def locked() -> dict[str, tuple[str, int]]:
    """Distribution to its version and number of hashes, as the lock file has them."""
    found: dict[str, tuple[str, int]] = {}
    for entry in re.split(r"^(?=\S)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE):
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry):
            found[canonicalize_name(match[1])] = (match[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
    return found


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [requirement for group in project["optional-dependencies"].values() for requirement in group]
    return [Requirement(requirement) for requirement in project["dependencies"] + extras]


def imported(*arguments: str) -> set[str]:
    """Top-level packages that a `trainworks` command imports."""
    command = [sys.executable, "-X", "importtime", "-c", "from pipeline.cli import main; main()", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    names = re.findall(r"^import time:.*\|\s*(\S+)$", finished.stderr, flags=re.MULTILINE)
    assert "click" in names
    return {name.split(".")[0] for name in names}


def test_every_locked_distribution_has_hashes() -> None:
    versions = locked()
    assert len(versions) > 50
    assert [name for name, (_, hashes) in versions.items() if not hashes] == []


def test_lock_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"\S*://\S*|--(?:extra-)?index-url|--find-links", lock) == []


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_lock_fits_what_the_project_declares(requirement: Requirement) -> None:
    version, _ = locked()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"{requirement} is locked at {version}: run `make lock`"


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") & HEAVY == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_no_framework(command: str) -> None:
    assert imported(command, "--help") & {"tensorflow", "keras", "apache_beam"} == set()


def test_recipes_are_shipped() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    assert RECIPES
    assert "recipes/*.yaml" in patterns["pipeline"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipe_assembles(recipe: Path) -> None:
    steps = [component.name for component in pipeline_from_file(recipe).components]
    assert steps[0] == "ExampleGen"
    assert steps[-1] == "Pusher"


def test_no_tracked_file_is_over_one_mebibyte() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert [path.name for path in files if path.is_file() and path.stat().st_size > 1 << 20] == []


def test_every_package_is_installed_and_type_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {pattern.rstrip("*") for pattern in settings["setuptools"]["packages"]["find"]["include"]} == packages
    assert set(settings["mypy"]["packages"]) == packages
    assert set(settings["importlinter"]["root_packages"]) == packages
