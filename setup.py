import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(
    r'__version__ = "(.+)"', (here / "skmi" / "__init__.py").read_text(encoding="utf-8")
).group(1)

extras = {
    "table": ["pandas>=2.2", "pyarrow>=16"],
    "plot": ["matplotlib>=3.8"],
    "progress": ["rich>=13"],
    "cluster": ["dask[distributed]>=2024.5"],
}
extras["causal"] = ["causal-learn>=0.1.4.3", "tigramite>=5.2"]
extras["doc"] = [
    *extras["plot"],
    *extras["progress"],
    *extras["table"],
    "numpydoc>=1.8",
    "pydata-sphinx-theme>=0.16",
    "sphinx>=8",
    "sphinx-gallery>=0.19",
    "sphinxcontrib-bibtex>=2.6",
]
extras["tests"] = [
    *extras["plot"],
    *extras["progress"],
    *extras["table"],
    "array-api-strict>=2.3",
    "basedpyright>=1.40,<2",
    "hypothesis>=6.100",
    "mypy>=2.4,<3",
    "numpydoc>=1.8",
    "polars>=1.0",
    "pytest>=8",
    "pytest-xdist>=3.5",
    "ruff>=0.15,<0.18",
]

setup(
    name="skmi",
    version=version,
    description="Mutual information as scikit-learn estimators",
    long_description=(here / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license="BSD-3-Clause",
    packages=find_packages(include=["skmi", "skmi.*"]),
    python_requires=">=3.11",
    install_requires=[
        "joblib>=1.3",
        "numpy>=1.26",
        "scikit-learn>=1.9",
        "scipy>=1.11",
        "torch>=2.5",
    ],
    extras_require=extras,
    package_data={"skmi": ["py.typed"], "skmi._core": ["*.pyi"]},
    zip_safe=False,
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering",
    ],
)
