"""Where everything in a picture stands: our own layered layout, with room for each label."""

from chainrule.picture.layout.frames import draw

__all__ = ["draw"]
