"""scikit-learn's multi-layer perceptrons, trained by compiled code and open to questions."""

from chainrule.errors import MissingExtraError

try:
    import sklearn as _sklearn  # the library, not this package: imports are absolute  # noqa: F401
except ImportError:
    raise MissingExtraError(
        "chainrule.sklearn needs scikit-learn.", instead="pip install 'chainrule[train]'"
    ) from None

from chainrule.sklearn.classifier import MLPClassifier
from chainrule.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
