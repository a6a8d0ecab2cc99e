"""How the site is built: `make docs`. Nothing in it is fetched, neither while it is built nor while it is read."""

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

from fasdata import __version__  # noqa: E402

project = "fasdata + fastrain"
author = "the authors of fasdata and fastrain"
copyright = "the authors; Apache-2.0"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs.written"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["README.md", "_build", "generated/parts", "notebooks"]
suppress_warnings = ["toc.empty_glob"]
smartquotes = False  # options begin with two hyphens
nitpicky = False  # types of other libraries are spelled, not linked

html_theme = "furo"
html_title = "fasdata + fastrain"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
# System fonts: the site has to look the same on a machine without a network.
html_theme_options = {
    "light_css_variables": {"font-stack": "system-ui, sans-serif", "font-stack--monospace": "ui-monospace, monospace"},
    "dark_css_variables": {"font-stack": "system-ui, sans-serif", "font-stack--monospace": "ui-monospace, monospace"},
}

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4
autodoc_typehints = "description"
autodoc_member_order = "bysource"
