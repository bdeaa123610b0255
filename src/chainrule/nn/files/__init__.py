"""Models and checkpoints in files: safetensors, written as a whole or not at all, never trusted."""

from chainrule.nn.files.checkpoints import load_checkpoint, save_checkpoint
from chainrule.nn.files.models import load, save

__all__ = ["load", "load_checkpoint", "save", "save_checkpoint"]
