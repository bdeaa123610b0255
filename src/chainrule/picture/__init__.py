"""Pictures of a graph: what is to be seen, where it stands, how it is drawn.

::

    Explanation --levels--> Scene --layout--> Drawing --> SVG, PNG, PDF, GIF
"""
