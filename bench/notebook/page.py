"""An executed notebook as a page: one HTML file that loads nothing and runs no script."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

STYLE = """
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff;
  font: 16px/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 2.5rem; border-top: 1px solid #d0d0d0; padding-top: 1rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; display: block;
  overflow-x: auto; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid #d0d0d0; text-align: left;
  vertical-align: top; }
code, pre { font: 0.88em/1.45 ui-monospace, monospace; }
td code { background: #f3f3f3; padding: 0.05rem 0.25rem; border-radius: 3px; }
td[style*="right"] { white-space: nowrap; }
pre { margin: 0; overflow-x: auto; }
.jp-InputArea, .input { background: #f6f6f6; border-left: 3px solid #c8c8c8; margin: 1rem 0;
  padding: 0.5rem 0.8rem; }
.prompt, .jp-InputPrompt, .jp-OutputPrompt, .anchor-link { display: none; }
"""


def page(notebook: NotebookNode) -> str:
    """Return an executed notebook as HTML: text, code, tables and pictures in one file."""
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    # The other templates load scripts for formulas and widgets from the network.
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title(notebook))}</title>\n"
        f"<style>{STYLE}{colours}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def title(notebook: NotebookNode) -> str:
    """Return the first heading of a notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"# (.+)", cell.source)):
            return found[1]
    return "Notebook"
