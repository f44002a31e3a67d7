"""Docstrings agree with signatures, the API page with the public names."""

import ast
import importlib
import inspect
import pydoc
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate
from sklearn.base import clone, is_classifier

import skmi
from skmi import base
from tests.estimators import (
    all_estimators,
    all_predictors,
    all_transformers,
    all_with_parameters,
    make_small,
    predictor_instances,
    takes_labels,
    transformer_instances,
)
from tests.oracle import draw_normal

ROOT = Path(__file__).parents[1]
MODULES = [
    "bounds",
    "critics",
    "datasets",
    "entropy",
    "inference",
    "multivariate",
    "scores",
    "series",
    "statistics",
]
FUNCTIONS = [
    "skmi.bottleneck.InformationPlane",
    "skmi.bottleneck.LayerPlane",
    "skmi.gaussian.EllipticalRatio",
    "skmi.gaussian.covariance_bias",
    "skmi.gaussian.covariance_error",
    "skmi.gaussian.elliptical_mutual_info",
    "skmi.gaussian.student_log_density",
    "skmi.gaussian.student_offset",
    "skmi.gaussian.student_scatter",
    "skmi.neighbors.conditional_mutual_info",
]
PREDICTOR_METHODS = (
    "fit",
    "transform",
    "predict",
    "predict_proba",
    "score_samples",
    "mutual_info",
    "information_plane",
)
# House style: no period after a type line, examples and see-also where they help.
ALWAYS_FINE = {"GL01", "GL02", "RT02", "SA01", "EX01", "ES01", "SS06", "GL08"}


def public_functions():
    yield from FUNCTIONS
    for module in MODULES:
        for name in importlib.import_module(f"skmi.{module}").__all__:
            if callable(getattr(importlib.import_module(f"skmi.{module}"), name)):
                yield f"skmi.{module}.{name}"


def public_names():
    names = [f"skmi.{name}" for name in skmi._MODULE_OF_NAME]
    methods = [
        f"skmi.{cls.__name__}.{method}"
        for cls in all_estimators()
        for method in ("fit", "score", "mutual_info", "score_samples")
    ]
    methods += [
        f"skmi.{cls.__name__}.{method}"
        for cls in all_transformers()
        for method in ("fit", "transform", "score", "mutual_info_gradient")
        if hasattr(cls, method)
    ]
    methods += [
        f"skmi.{cls.__name__}.{method}"
        for cls in all_predictors()
        for method in PREDICTOR_METHODS
        if hasattr(cls, method)
    ]
    methods += [
        f"skmi.{display}.{name}"
        for display in skmi.display.__all__
        for name in (
            "from_estimator",
            "from_layers",
            "plot",
            "of",
            "from_data",
            "from_result",
            "from_series",
            "order",
        )
        if hasattr(getattr(skmi, display), name)
    ]
    return [*names, *methods, *public_functions()]


@pytest.mark.parametrize("name", public_names())
def test_docstring(name):
    errors = [
        (code, text)
        for code, text in validate(name)["errors"]
        if code not in ALWAYS_FINE and not (code == "PR01" and name.endswith("Warning"))
    ]
    assert errors == []


def is_measure(name):
    """Whether a public name stands for something that is computed."""
    results = "Result", "Interval", "Check", "Plane", "Display"
    return not name.endswith(("Warning", *results))


@pytest.mark.parametrize("name", [n for n in public_names() if n.count(".") == 1])
def test_public_names_say_what_they_are(name):
    check_text(name)


@pytest.mark.parametrize("name", [*public_functions()])
def test_public_functions_say_what_they_are(name):
    check_text(name)


def check_text(name):
    """Hold an equation or definition, an example, and when it fails."""
    module, _, member = name.rpartition(".")
    item = getattr(importlib.import_module(module), member)
    text = NumpyDocString(inspect.getdoc(item))
    assert text["Summary"]
    if name.endswith("Warning"):  # shown by tests/test_mistakes.py
        return
    assert text["Examples"]
    assert text["Notes"]
    if is_measure(name):
        assert "math::" in inspect.getdoc(item) or ":math:" in inspect.getdoc(item)


@pytest.mark.parametrize(
    "cls",
    [*all_estimators(), *all_transformers(), *all_predictors()],
    ids=lambda cls: cls.__name__,
)
def test_estimator_docstring(cls):
    text = NumpyDocString(inspect.getdoc(cls))
    documented = [parameter.name for parameter in text["Parameters"]]
    assert sorted(documented) == sorted(inspect.signature(cls).parameters)
    for entry in text["Parameters"]:
        default = re.search(r"default=(.+)$", entry.type).group(1)
        value = inspect.signature(cls).parameters[entry.name].default
        assert default == repr(value).replace("'", '"'), entry.name
    assert "[shared]" not in cls.__doc__
    assert text["Examples"]
    assert text["References"]
    assert ".. math::" in cls.__doc__


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("cls", all_estimators(), ids=lambda cls: cls.__name__)
def test_fitted_attributes_are_documented(cls):
    X, Y, _ = draw_normal(60, 1, 0.5, seed=0)
    text = NumpyDocString(inspect.getdoc(cls))
    documented = {attribute.name for attribute in text["Attributes"]}
    for changes in ({}, {"cv": 2} if hasattr(cls(), "cv") else {}):
        for y in (Y, Y[:, 0] > 0) if takes_labels(cls) else (Y,):
            fitted = vars(make_small(cls, **changes).fit(X, y))
            public = {n for n in fitted if n.endswith("_") and not n.startswith("_")}
            assert public <= documented


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("instance", transformer_instances(), ids=str)
def test_fitted_attributes_of_transformers_are_documented(instance):
    X, Y, _ = draw_normal(60, 1, 0.5, seed=0)
    text = NumpyDocString(inspect.getdoc(type(instance)))
    documented = {attribute.name for attribute in text["Attributes"]}
    for y in (Y, np.where(Y[:, 0] > 0, "up", "down")):
        fitted = vars(clone(instance).fit(X, y))
        public = {n for n in fitted if n.endswith("_") and not n.startswith("_")}
        assert public <= documented


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("instance", predictor_instances(), ids=str)
def test_fitted_attributes_of_predictors_are_documented(instance):
    X, Y, _ = draw_normal(60, 1, 0.5, seed=0)
    text = NumpyDocString(inspect.getdoc(type(instance)))
    documented = {attribute.name for attribute in text["Attributes"]}
    labels = is_classifier(instance)
    fitted = vars(clone(instance).fit(X, Y[:, 0] > 0 if labels else Y))
    public = {n for n in fitted if n.endswith("_") and not n.startswith("_")}
    assert public == documented - {"feature_names_in_"}


def test_api_page_names_everything_public():
    page = (ROOT / "doc" / "api.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"(?m)^   ([A-Za-z_.]+)$", page))
    expected = set(skmi._MODULE_OF_NAME) | {
        name.removeprefix("skmi.") for name in public_functions()
    }
    assert listed == expected


@pytest.mark.parametrize("cls", all_with_parameters(), ids=lambda cls: cls.__name__)
def test_the_representation_links_to_the_page(cls):
    page = (ROOT / "doc" / "api.rst").read_text(encoding="utf-8")
    listed = {f"skmi.{name}" for name in re.findall(r"(?m)^   ([A-Za-z_.]+)$", page)}
    link = cls()._get_doc_link()
    assert link.startswith("https://skmi.readthedocs.io/en/stable/generated/")
    assert link.rpartition("/")[2].removesuffix(".html") in listed
    assert link in cls()._repr_html_()


@pytest.mark.parametrize(
    "instance", [*transformer_instances(), *predictor_instances()], ids=str
)
@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_transformers_name_their_columns(instance):
    X, Y, _ = draw_normal(60, 2, 0.5, seed=0)
    frame = pd.DataFrame(X, columns=["a", "b"])
    target = Y[:, 0] > 0 if is_classifier(instance) else Y[:, 0]
    model = clone(instance).set_output(transform="pandas").fit(frame, target)
    codes = model.transform(frame)
    assert list(codes.columns) == list(model.get_feature_names_out())
    assert codes.index.equals(frame.index)


def page_of_estimators():
    return (ROOT / "doc" / "user_guide" / "estimators.rst").read_text(encoding="utf-8")


def test_a_page_names_every_estimator_and_transformer():
    for cls in (*all_estimators(), *all_transformers(), *all_predictors()):
        assert f"``{cls.__name__}``" in page_of_estimators()


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_bounds_are_what_the_page_says():
    X, Y, _ = draw_normal(60, 1, 0.5, seed=0)
    for cls in all_estimators():
        row = re.search(rf"(?m)^``{cls.__name__}``\s+(\w+)", page_of_estimators())
        assert row.group(1) == make_small(cls).fit(X, Y).bound_


def test_public_names_are_reachable_and_listed():
    for name in skmi.__all__:
        assert getattr(skmi, name) is not None
        assert name in dir(skmi)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        skmi.nothing  # noqa: B018


def imported_for_type_checkers(tree):
    """Pairs of module and name that stand under `if TYPE_CHECKING`."""
    (guarded,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    for node in guarded.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name  # else a checker takes it for private
            yield node.module, alias.name


def test_type_checkers_see_the_names_that_are_imported_on_first_use():
    text = Path(skmi.__file__).read_text(encoding="utf-8")
    seen = sorted(imported_for_type_checkers(ast.parse(text)))
    modules = [("skmi", name) for name in skmi._MODULES]
    names = [(f"skmi.{owner}", name) for name, owner in skmi._MODULE_OF_NAME.items()]
    assert seen == sorted(modules + names)
    assert sorted([name for _, name in seen] + ["__version__"]) == sorted(skmi.__all__)
    assert sum(map(len, skmi._MODULES_OF_NAMES.values())) == len(skmi._MODULE_OF_NAME)


@pytest.mark.parametrize("cls", all_with_parameters(), ids=lambda cls: cls.__name__)
def test_help_can_be_read(cls):
    text = pydoc.render_doc(cls, renderer=pydoc.plaintext)
    lines = [line.removeprefix(" |").strip() for line in text.splitlines()]
    first, signature = lines[2:4]
    assert first.startswith(f"class {cls.__name__}(")
    if inspect.signature(cls).parameters:
        assert signature.startswith(f"{cls.__name__}(*, ")
        assert lines[5] == inspect.getdoc(cls).splitlines()[0]
    for noise in (": object", "Any =", "Field(", "<factory>", "<class"):
        assert noise not in signature
    assert len(signature) < 500
    for name, item in vars(cls).items():
        if inspect.isfunction(item) and not name.startswith("_"):
            assert "numpy._typing" not in str(inspect.signature(item)), name


def test_the_metadata_name_the_version_and_the_typed_files():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tools = tomllib.loads(text)["tool"]["setuptools"]
    assert tools["dynamic"]["version"] == {"attr": "skmi.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", skmi.__version__)
    data = tools["package-data"]
    assert "py.typed" in data["skmi"]
    for path in Path(skmi.__file__).parent.rglob("*.pyi"):
        package = ".".join(path.relative_to(ROOT).parent.parts)
        assert any(path.match(name) for name in data[package])
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {skmi.__version__}\n" in cited


def test_abstract_classes_say_so():
    with pytest.raises(NotImplementedError):
        base.MutualInfoEstimator().fit(np.eye(9), np.arange(9))


def test_a_subclass_inherits_the_texts_of_parameters():
    @base.estimator
    class Mine(skmi.InfoNCE):
        """A bound of one's own.

        Parameters
        ----------
        [shared]
        """

    described = {p.name: p.desc for p in NumpyDocString(Mine.__doc__)["Parameters"]}
    of_parent = {
        p.name: p.desc
        for p in NumpyDocString(inspect.getdoc(skmi.InfoNCE))["Parameters"]
    }
    assert described["normalize"] == of_parent["normalize"]
    assert described.keys() == of_parent.keys()
