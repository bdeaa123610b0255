"""Right hand-written backward passes, in the styles in which people write them."""

import importlib
import pkgutil

MODULES = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "case")


def cases():
    for name in MODULES:
        module = importlib.import_module(f"{__name__}.{name}")
        for case in module.CASES:
            yield module, case
