"""The decision surface: regions, boundaries and points of anything that predicts."""

import warnings

import numpy as np
import pytest

plt = pytest.importorskip("matplotlib.pyplot")

from chainrule import nn, plots  # noqa: E402
from chainrule.errors import ArgumentError, DtypeError, ShapeError  # noqa: E402
from chainrule.plots.answers import probabilities  # noqa: E402

RNG = np.random.default_rng(1)
X = RNG.uniform(-1, 1, size=(40, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def step(rows):
    return (rows[:, 0] > 0).astype(int)


def soft(rows):
    p = 1 / (1 + np.exp(-8 * rows[:, 0]))
    return np.stack([1 - p, p], axis=1)


def contours(ax):
    """Return level -> the points of its line."""
    from matplotlib.contour import ContourSet

    sets = [c for c in ax.collections if isinstance(c, ContourSet) and not c.filled]
    return [(c.levels.tolist(), np.concatenate([p.vertices for p in c.get_paths()])) for c in sets]


def surface(model=soft, x=X, y=Y, **options):
    return plots.decision_surface(model, x, y, **{"resolution": 60, **options})


def test_the_boundary_and_the_sure_lines_lie_where_the_probabilities_say():
    found = contours(surface())
    assert [levels for levels, _ in found] == [[0.0], [0.9], [0.9]]
    np.testing.assert_allclose(found[0][1][:, 0], 0, atol=1e-4)
    at = np.log(9) / 8  # where the sigmoid is 0.9
    np.testing.assert_allclose(found[1][1][:, 0], -at, atol=0.01)
    np.testing.assert_allclose(found[2][1][:, 0], at, atol=0.01)


def test_regions_are_paler_where_less_is_certain():
    (image,) = surface().get_images()
    colours = np.asarray(image.get_array())[30]
    strength = 1 - colours.min(axis=-1)
    assert strength[0] > strength[28]
    assert strength[-1] > strength[31]
    assert not np.allclose(colours[0], colours[-1])


def test_points_of_each_class_have_a_shape_and_a_place_in_the_legend():
    ax = surface(y=np.where(Y, "right", "left"), model=lambda r: np.where(r[:, 0] > 0, "right",
                                                                          "left"))  # fmt: skip
    assert [t.get_text() for t in ax.get_legend().texts] == ["left", "right", "boundary"]
    left, right = (c for c in ax.collections if c.get_label() in ("left", "right"))
    np.testing.assert_array_equal(left.get_offsets(), X[Y == 0])
    np.testing.assert_array_equal(right.get_offsets(), X[Y == 1])
    assert len(left.get_paths()[0].vertices) != len(right.get_paths()[0].vertices)
    assert not np.array_equal(left.get_facecolor(), right.get_facecolor())


def test_features_that_are_not_drawn_stay_at_their_median():
    wide = np.c_[X, np.linspace(0, 100, 40) ** 2]
    seen = []

    def model(rows):
        seen.append(rows)
        return step(rows)

    ax = surface(model, wide, features=(1, 0))
    (rows,) = seen
    assert np.all(rows[:, 2] == np.median(wide[:, 2]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 1", "feature 0")
    assert "1 other feature at the median" in ax.get_title(loc="left")
    np.testing.assert_allclose(contours(ax)[0][1][:, 1], 0, atol=0.02)


@pytest.mark.parametrize(("loss", "units"), [("cross_entropy", 2), ("binary_cross_entropy", 1),
                                             ("hinge", 1)])  # fmt: skip
def test_models_of_chainrule(loss, units):
    model = nn.Sequential(nn.Dense(units))
    y = Y if units == 2 else (2 * Y - 1.0 if loss == "hinge" else Y.astype(float))
    model.fit(X, y, loss=loss, epochs=30, optimizer=nn.Adam(0.1), executor="numpy")
    ax = surface(model, y=y)
    assert np.mean(np.abs(contours(ax)[0][1][:, 0])) < 0.3
    predict = probabilities(model, np.unique(y))(X)
    np.testing.assert_allclose(predict.sum(axis=1), 1, rtol=1e-6)
    assert np.mean(predict.argmax(axis=1) == Y) > 0.85


def test_estimators_of_scikit_learn_and_of_chainrule():
    linear_model = pytest.importorskip("sklearn.linear_model")
    pd = pytest.importorskip("pandas")
    from sklearn.exceptions import ConvergenceWarning

    from chainrule.sklearn import MLPClassifier

    names = np.where(Y, "b", "a")
    frame = pd.DataFrame(X, columns=["up", "down"])
    for model in (
        linear_model.LogisticRegression(),
        linear_model.Perceptron(),
        MLPClassifier((4,), max_iter=5),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(frame, names)
        ax = surface(model, frame, names, features=["up", "down"])  # no warning about names
        assert ax.get_xlabel() == "up"
        assert [t.get_text() for t in ax.get_legend().texts][:2] == ["a", "b"]


def test_numbers_are_filled_contours_with_a_scale():
    ax = surface(lambda rows: 3 * rows[:, 0], y=3 * X[:, 0])
    (filled,) = [c for c in ax.collections if getattr(c, "filled", False)]
    assert filled.levels[0] <= -3
    assert filled.levels[-1] >= 3
    points = ax.collections[-1]
    np.testing.assert_allclose(points.get_array(), 3 * X[:, 0])
    assert points.norm is filled.norm
    assert ax.get_title(loc="left") == "Predicted number"
    surface(lambda rows: np.zeros(len(rows)), y=np.zeros(40), regression=True)  # flat


def test_a_class_that_y_lacks():
    def three(rows):
        return np.c_[soft(rows) * 0.9, np.full(len(rows), 0.1)]

    assert [t.get_text() for t in surface(three).get_legend().texts][:3] == ["0", "1", "2"]


def test_twenty_classes_have_shapes_and_colours_of_their_own():
    y = np.arange(40) % 20
    ax = surface(lambda rows: np.full(len(rows), 3), y=y)
    looks = [
        (c.get_paths()[0].vertices.tobytes(), c.get_facecolor().tobytes())
        for c in ax.collections
        if c.get_label().isdigit()
    ]
    assert len({shape for shape, _ in looks}) == len({colour for _, colour in looks}) == 20


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"x": np.ones((40, 3))}, ArgumentError, "features=\\(0, 1\\)"),
        ({"x": np.ones((40, 1))}, ShapeError, "two features"),
        ({"x": np.ones((40, 2, 2))}, ShapeError, "two features"),
        ({"x": np.where(X > 0.5, np.nan, X)}, ArgumentError, "NaN"),
        ({"x": np.ones((0, 2)), "y": []}, ArgumentError, "empty"),
        ({"x": [["a", "b"]] * 40}, DtypeError, "numbers"),
        ({"y": Y[:5]}, ShapeError, "does not belong"),
        ({"y": np.full(40, np.nan)}, ArgumentError, "row 0"),
        ({"y": np.arange(40)}, ArgumentError, "at most 20"),
        ({"features": (0, 2)}, ArgumentError, "two different columns"),
        ({"features": (1, 1)}, ArgumentError, "two different columns"),
        ({"features": ("up", 1)}, ArgumentError, "two different columns"),
        ({"resolution": 1}, ArgumentError, "resolution"),
        ({"model": 3}, ArgumentError, "cannot predict"),
        ({"model": lambda rows: np.ones((len(rows), 2)) * np.nan}, ArgumentError, "not finite"),
        ({"model": lambda rows: rows[:, 0] * 7}, ShapeError, "says nothing"),
        ({"model": lambda rows: rows, "regression": True}, ShapeError, "one number"),
        ({"model": nn.Sequential(nn.Dense(2))}, ArgumentError, "no parameters"),
    ],
)
def test_what_cannot_be_drawn(options, error, message):
    with pytest.raises(error, match=message):
        surface(**options)
    assert not plt.get_fignums()
