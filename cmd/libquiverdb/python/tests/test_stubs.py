"""The stub file says what the package has, no more and no less."""

import ast
import inspect
import typing
import unittest
from pathlib import Path

import quiverdb

FOLDER = Path(quiverdb.__file__).parent
# Private in the stub, for it is the common part of two public classes.
CLASSES = {"_Reader": quiverdb.Database.__mro__[1]}


def stub():
    return ast.parse((FOLDER / "__init__.pyi").read_text())


def of_arguments(arguments, is_static):
    """Names, kinds and defaults of a definition in the stub, as inspect has them."""
    parameters = []
    plain = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    for argument, default in zip(plain, defaults):
        value = inspect.Parameter.empty if default is None else ast.literal_eval(default)
        parameters.append((argument.arg, inspect.Parameter.POSITIONAL_OR_KEYWORD, value))
    return parameters if is_static else parameters[1:]


def of_function(function, is_static):
    parameters = [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
    return parameters if is_static else parameters[1:]


class Stubs(unittest.TestCase):
    def test_are_installed(self):
        self.assertTrue((FOLDER / "py.typed").is_file())

    def test_every_public_name(self):
        names = set()
        for node in stub().body:
            if isinstance(node, ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign):
                names.add(node.target.id)
        self.assertEqual({n for n in names if not n.startswith("_") or n == "__version__"}, set(quiverdb.__all__))
        visible = {n for n in vars(quiverdb) if not n.startswith("_")}
        self.assertEqual(visible | {"__version__"}, set(quiverdb.__all__))

    def test_classes_have_their_bases(self):
        for node in self.classes():
            actual = self.actual(node)
            bases = {ast.unparse(base).split("[")[0] for base in node.bases} if hasattr(ast, "unparse") else set()
            for base in bases - {"NamedTuple", "Iterator"}:
                expected = CLASSES.get(base) or getattr(quiverdb, base, None) or getattr(__import__("builtins"), base)
                with self.subTest(node.name, base=base):
                    self.assertIn(expected, actual.__bases__)

    def test_methods_and_their_signatures(self):
        checked = 0
        for node in self.classes():
            actual = self.actual(node)
            for method in (m for m in node.body if isinstance(m, ast.FunctionDef)):
                decorators = {d.id for d in method.decorator_list}
                with self.subTest(node.name + "." + method.name):
                    found = inspect.getattr_static(actual, method.name)
                    self.assertEqual("property" in decorators, isinstance(found, property))
                    self.assertEqual("staticmethod" in decorators, isinstance(found, staticmethod))
                    if not isinstance(found, property):
                        is_static = isinstance(found, staticmethod)
                        function = getattr(actual, method.name)
                        self.assertEqual(of_arguments(method.args, is_static), of_function(function, is_static))
                    self.assertIsNotNone(method.returns)
                    unannotated = [a.arg for a in method.args.args if a.annotation is None and a.arg != "self"]
                    self.assertEqual(unannotated, [])
                checked += 1
        self.assertGreater(checked, 60)

    def test_no_method_is_missing(self):
        for node in self.classes():
            actual = self.actual(node)
            if issubclass(actual, (BaseException, tuple)):
                continue
            public = {n for n in vars(actual) if not n.startswith("_")}
            public |= {n for n in ("__getitem__", "__setitem__", "__delitem__", "__enter__", "__exit__", "__len__", "__iter__",
                                   "__next__", "__contains__", "__bool__") if n in vars(actual)}  # fmt: skip
            with self.subTest(node.name):
                self.assertEqual(public, {m.name for m in node.body if isinstance(m, ast.FunctionDef)})

    def test_attributes(self):
        for node in self.classes():
            for attribute in (a.target.id for a in node.body if isinstance(a, ast.AnnAssign)):
                self.assertTrue(hasattr(self.actual(node), attribute), attribute)

    def test_imports_exist(self):
        for node in stub().body:
            if isinstance(node, ast.ImportFrom):
                module = __import__(node.module, fromlist=["x"])
                for name in node.names:
                    self.assertTrue(hasattr(module, name.name), name.name)
        self.assertTrue(typing.TYPE_CHECKING is False)

    def classes(self):
        return [node for node in stub().body if isinstance(node, ast.ClassDef)]

    def actual(self, node):
        return CLASSES.get(node.name) or getattr(quiverdb, node.name)


class Grammar(unittest.TestCase):
    def test_is_that_of_the_oldest_python(self):
        from kit import FOLDER as sources

        files = [p for p in sources.rglob("*.py*") if p.suffix in (".py", ".pyi")]
        self.assertGreater(len(files), 20)
        for path in files:
            with self.subTest(path.name):
                ast.parse(path.read_text(), feature_version=(3, 8))
