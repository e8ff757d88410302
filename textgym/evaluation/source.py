"""The code that something is computed by, without what does not count: comments, docstrings, formatting, neighbours."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import symtable
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# they say where rewards are and what went wrong, and never what a reward is worth
IRRELEVANT = ("textgym.errors", "textgym.redaction", "textgym.rewards.registry")
STANDARD_LIBRARY = tuple({str(Path(sysconfig.get_path(key))) for key in ("stdlib", "platstdlib")})
INSTALLED = {"site-packages", "dist-packages"}  # of whatever environment: a .pth file adds another one's


@cache
def essence(source: str) -> str:
    """Python code in one canonical form, without comments and docstrings.

    >>> essence("f=1  # one")
    'f = 1'
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return ast.unparse(tree)


class Definitions:
    """What functions and classes are defined by, together with all that they use.

    What they use is followed by name through the modules of textgym and of whoever wrote the function; of the standard
    library and of installed packages the names alone count.

    Attributes:
        found: ``module:name`` -> the essence of the statement that binds it at a module's top level.
        paths: The files and folders that constants among them name.
    """

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.paths: list[Path] = []
        self._modules: dict[str, _Module | None] = {}

    def add(self, defined: Any) -> None:
        """Follow a function or class; of one without source, the bytecode."""
        defined = inspect.unwrap(defined)
        try:
            lines, line = inspect.findsource(defined)
            module = _Module(getattr(defined, "__module__", None) or "", "".join(lines))
        except (OSError, TypeError, SyntaxError):
            code = getattr(defined, "__code__", None)
            self.found[_label(defined)] = "" if code is None else repr((code.co_code, code.co_names))
            return
        for statement in module.tree.body:
            first = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", []))])
            if first <= line + 1 <= (statement.end_lineno or first):
                self._statement(module, _label(defined), statement)

    def _name(self, module_name: str, name: str) -> None:
        """Follow what a name is bound to at the top level of a module."""
        label = f"{module_name}:{name}"
        if label in self.found or module_name in IRRELEVANT:
            return
        self.found[label] = ""  # of a foreign module, the name alone
        module = self._module(module_name)
        if module is None:
            return
        for statement in module.bindings.get(name, []):
            self._statement(module, label, statement)
        if isinstance(value := module.namespace.get(name), Path):
            self.paths.append(value)

    def _statement(self, module: _Module, label: str, statement: ast.stmt) -> None:
        text = essence(ast.unparse(statement)) + "\n"
        if text in self.found.get(label, ""):
            return
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for _, target, name in _imported(statement, module.package):
                if name is not None and self._module(f"{target}.{name}") is None:
                    self._name(target, name)
            return
        self.found[label] = self.found.get(label, "") + text
        used, inner, chains = _uses(text)
        local = {alias: (target, name) for node in inner for alias, target, name in _imported(node, module.package)}
        for chain in chains:
            if chain[0] in local:
                self._chain(*local[chain[0]], chain[1:])
            elif chain[0] in used and chain[0] in module.bindings:
                self._bound(module, chain)
            elif chain[0] in used and inspect.isroutine(value := module.namespace.get(chain[0])):
                self.add(value)  # of another cell of a notebook

    def _bound(self, module: _Module, chain: list[str]) -> None:
        """Follow ``name.attribute...``, of which the name is bound at the top level of a module."""
        for statement in module.bindings[chain[0]]:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for alias, target, name in _imported(statement, module.package):
                    if alias == chain[0]:
                        self._chain(target, name, chain[1:])
            elif self._module(module.name) is not None:
                self._name(module.name, chain[0])
            else:  # a cell of a notebook
                self._statement(module, f"{module.name}:{chain[0]}", statement)

    def _chain(self, target: str, name: str | None, attributes: list[str]) -> None:
        """Follow the attributes of what is imported until they lead out of modules."""
        parts = [*([name] if name else []), *attributes]
        while parts and self._module(f"{target}.{parts[0]}") is not None:
            target, parts = f"{target}.{parts[0]}", parts[1:]
        if parts:
            self._name(target, parts[0])

    def _module(self, name: str) -> _Module | None:
        """A module's source; None of a foreign one, and of what is no module."""
        if name not in self._modules:
            self._modules[name] = _read(name)
        return self._modules[name]


@dataclass(frozen=True)
class _Module:
    """The source of a module that is followed."""

    name: str
    source: str
    is_package: bool = False

    @property
    def package(self) -> str:
        """What relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def namespace(self) -> dict[str, Any]:
        """What the module holds, if it is loaded."""
        return vars(sys.modules[self.name]) if self.name in sys.modules else {}

    @property
    def tree(self) -> ast.Module:
        return _tree(self.source)

    @property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        return _bindings(self.source)


# what follows depends on the text alone, and tasks share most of theirs


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def _bindings(source: str) -> dict[str, list[ast.stmt]]:
    """The statements at the top level by the names that they bind; blocks such as ``if`` and ``try`` are whole."""
    bound: dict[str, list[ast.stmt]] = {}
    for statement in _tree(source).body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            continue  # imports for annotations alone
        table = symtable.symtable(ast.unparse(statement), "<code>", "exec")
        for symbol in table.get_symbols():
            if symbol.is_assigned() or symbol.is_imported():
                bound.setdefault(symbol.get_name(), []).append(statement)
    return bound


@cache
def _uses(source: str) -> tuple[set[str], list[ast.Import | ast.ImportFrom], list[list[str]]]:
    """The globals that code reads, its imports, and every ``name.attribute...`` in it."""
    tree = _tree(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return _globals(source), imports, [*_chains(tree)]


def _read(name: str) -> _Module | None:
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if loaded is None:
        package, _, _ = name.rpartition(".")
        if package and _read(package) is None:  # finding a part would import the foreign whole
            return None
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, AttributeError, ValueError):
            return None
        file = spec.origin if spec else None
    if file is None or not file.endswith(".py"):
        return None
    foreign = file.startswith(STANDARD_LIBRARY) or INSTALLED.intersection(Path(file).parts)
    if foreign and name.partition(".")[0] != "textgym":
        return None
    return _Module(name, Path(file).read_text(encoding="utf-8"), Path(file).name == "__init__.py")


def _imported(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str, str | None]]:
    """The name that each import binds, the module, and what of it, None for the module itself."""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            top = alias.name.partition(".")[0]
            yield alias.asname or top, alias.name if alias.asname else top, None
        else:
            base = package.rsplit(".", statement.level - 1)[0] if statement.level else ""
            yield alias.asname or alias.name, ".".join(filter(None, [base, statement.module])), alias.name


def _globals(source: str) -> set[str]:
    """The names that code reads and does not bind itself."""
    tables, names = [symtable.symtable(source, "<code>", "exec")], set[str]()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        at_top = table.get_type() == "module"
        names |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (at_top or s.is_global())}
    return names


def _chains(tree: ast.AST) -> Iterator[list[str]]:
    """Every ``name.attribute...`` in code; ``name`` alone too."""
    for node in ast.walk(tree):
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            yield [node.id, *attributes]


def _label(defined: Any) -> str:
    return f"{getattr(defined, '__module__', '')}:{getattr(defined, '__qualname__', '')}"
