"""The documentation site, by Sphinx: `make docs` writes it to build/docs. `pages_of_code` makes what is not written."""

import sys
from pathlib import Path

DOC = Path(__file__).resolve().parent
sys.path[:0] = [str(DOC.parent), str(DOC / "site")]

import wm_ros
from written import write_pages

project = "wm_ros"
release = version = wm_ros.__version__
copyright = "the wm_ros maintainers, Apache License 2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["site"]
html_theme = "furo"
html_title = f"wm_ros {release}"
# Docstrings are short and of both: what Markdown writes as code is written in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints_format = "short"
add_module_names = False
myst_heading_anchors = 4

write_pages(DOC / "generated")
