"""The code that decides a component's result, as a digest that only a change of meaning alters.

From a module on, every module that it imports is found by reading imports in the syntax trees, those inside functions
too, without importing anything. Modules of the standard library and of installed packages are left out: versions stand
for them. A comment, a docstring or a line break is not in the syntax tree that is digested.
"""

import ast
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import SOURCE_SUFFIXES, ModuleSpec
from pathlib import Path

from pipeline.digests import DigestCache
from schemas.errors import ConfigError

_HERE = Path(__file__).parent.parent
_OURS = frozenset({"schemas", "models", "components", "pipeline"})
"""Packages of this project: theirs is code to digest also where the project is installed."""
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def module_digests(modules: Iterable[str], digests: DigestCache) -> dict[str, str]:
    """Digest of each of the modules, and of each that they import, by name.

    Args:
        modules: where to start; their top-level packages count as the user's own wherever they are installed.

    Raises:
        ConfigError: one of the modules cannot be found, or one of those found is not Python.
    """
    roots = list(modules)
    for root in roots:
        if _locate(root) is None:
            raise ConfigError(f"`{root}` must be a module that can be imported. It cannot be found.")
    own = frozenset(root.partition(".")[0] for root in roots)
    found: dict[str, str] = {}
    waiting = [package for root in roots for package in _with_packages(root)]
    while waiting:
        name = waiting.pop()
        if name in found or not _counts(name, own):
            continue
        path = _locate(name)
        if path is None:
            continue
        found[name], imports = _read(path, digests)
        waiting += _all_imported(imports, name, path)
    return dict(sorted(found.items()))


def _counts(module: str, own: frozenset[str]) -> bool:
    top = module.partition(".")[0]
    return top in own or _is_home_made(top, tuple(sys.path))


@cache
def _is_home_made(top: str, path: tuple[str, ...]) -> bool:
    """Whether a top-level module is this project's or the user's."""
    if top in sys.stdlib_module_names:
        return False
    spec = _spec(top, path)
    places = [place for place in (spec.origin, *(spec.submodule_search_locations or ())) if place] if spec else []
    if top in _OURS and any(Path(place).is_relative_to(_HERE) for place in places):
        return True
    return any(os.sep in place and not _INSTALLED & set(Path(place).parts) for place in places)


def _locate(module: str) -> Path | None:
    """The file of a module; None for one that has none (a folder without `__init__.py`) or cannot be found."""
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None) or getattr(_spec(module, tuple(sys.path)), "origin", None)
    return Path(file) if file and Path(file).is_file() else None


@cache
def _spec(module: str, path: tuple[str, ...]) -> ModuleSpec | None:
    """Where a module would be imported from. Unlike `importlib.util.find_spec`, imports no parent package.

    Args:
        path: sys.path; an answer is remembered for as long as that stays the same.
    """
    parent = module.rpartition(".")[0]
    within = None
    if parent:
        package = _spec(parent, path)
        if package is None or package.submodule_search_locations is None:
            return None
        within = list(package.submodule_search_locations)
    for finder in sys.meta_path:
        spec = finder.find_spec(module, within, None)
        if spec is not None:
            return spec
    return None


def _read(path: Path, digests: DigestCache) -> tuple[str, tuple[str, ...]]:
    """Digest of a module's code, and its imports as `_written` tells them."""
    if path.suffix not in SOURCE_SUFFIXES:  # a compiled extension
        return digests.file_digest(path), ()
    fact = digests.fact("source", path, _parse)
    return fact[0], tuple(fact[1:])


def _parse(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{path}:{getattr(error, 'lineno', None) or 1} must be Python. Received: {error}") from error
    imports = sorted(set(_written(tree)))
    dump = ast.dump(_WithoutDocstrings().visit(tree), annotate_fields=False)
    return [hashlib.sha256(dump.encode("utf-8", "surrogatepass")).hexdigest(), *imports]


class _WithoutDocstrings(ast.NodeTransformer):
    """Drops strings that stand alone: docstrings, and those that explain a field below it."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)


def _written(tree: ast.AST) -> Iterator[str]:
    """Imports as they stand in the code: `a.b`, and `a.b:c` or `..b:c` for `from ... import c`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}:{alias.name}" for alias in node.names)


@cache
def _all_imported(imports: tuple[str, ...], module: str, path: Path) -> tuple[str, ...]:
    """The modules that the imports in `module` may load, once each; components share most of theirs."""
    return tuple(dict.fromkeys(name for written in imports for name in _imported(written, module, path)))


def _imported(written: str, module: str, path: Path) -> Iterator[str]:
    """The modules that an import in `module` may load: packages on the way, and a name that may be a module."""
    source, _, name = written.partition(":")
    base = source.lstrip(".")
    level = len(source) - len(base)
    if level:
        package = module if path.stem == "__init__" else module.rpartition(".")[0]
        parents = package.split(".")
        base = ".".join([*parents[: len(parents) - level + 1], *([base] if base else [])])
    if base:
        yield from _with_packages(base)
        if name and name != "*":
            yield f"{base}.{name}"


def _with_packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]
