"""A solution as a page: one document of plain data, and the modules of the browser that show it.

::

    Explanation --document--> dict --page--> one HTML file
                              dict --view.js--> the same view in the widget and the lab
"""

from chainrule.view.asked import why
from chainrule.view.document import document
from chainrule.view.page import module, page, style
from chainrule.view.pictures import picture

__all__ = ["document", "module", "page", "picture", "style", "why"]
