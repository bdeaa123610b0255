"""An estimator that is quick to fit."""

from chainrule.sklearn import MLPClassifier


def small(**options):
    return MLPClassifier(
        **{"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0, **options}
    )
