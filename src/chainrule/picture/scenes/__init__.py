"""What a picture shows of an explanation, at which level, with which parts open."""

from chainrule.picture.scenes.levels import scene

__all__ = ["scene"]
