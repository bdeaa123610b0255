"""Plots: what is drawn, and what is refused."""

import sys

import numpy as np
import pytest

plt = pytest.importorskip("matplotlib.pyplot")

import chainrule as cr  # noqa: E402
from chainrule import nn, plots  # noqa: E402
from chainrule.errors import ArgumentError, DtypeError, MissingExtraError, ShapeError  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def network(*layers, shape=(2,), **options):
    model = nn.Sequential(*layers)
    model.initialise(shape, **options)
    return model


def relu_net():
    return network(nn.Dense(6), nn.ReLU(), nn.Dense(2), dtype=np.float64)


def drawn(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


def overlaps(figure):
    """Return pairs of texts of a figure that lie upon each other."""
    figure.canvas.draw()
    boxes = [(t.get_text(), t.get_window_extent().shrunk(0.95, 0.85)) for t in texts_of(figure)]
    return [(a, b) for i, (a, p) in enumerate(boxes) for b, q in boxes[:i] if p.overlaps(q)]


def texts_of(figure):
    """Return the texts that are drawn: of ticks, those that lie within the axes."""
    from matplotlib.axis import Tick
    from matplotlib.text import Text

    ticks = {text: ax for ax in figure.axes for tick in ax.findobj(Tick)
             for text in (tick.label1, tick.label2)}  # fmt: skip
    inside = {text for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)
              for tick in axis._update_ticks() for text in (tick.label1, tick.label2)}  # fmt: skip
    every = figure.findobj(Text)
    return [
        t for t in every
        if t.get_visible() and t.get_text().strip() and (t not in ticks or t in inside)
    ]  # fmt: skip


# -- history -----------------------------------------------------------------------------


def test_history_draws_both_curves_and_what_was_kept():
    history = nn.History({"loss": [3.0, 1.0, 0.5], "val_loss": [3.5, 1.5, 1.6], "mae": [1, 1, 1]})
    history.best_epoch = 1
    loss, mae = cr.plots.history(history)
    np.testing.assert_array_equal(drawn(loss, "training").get_ydata(), history["loss"])
    np.testing.assert_array_equal(drawn(loss, "validation").get_ydata(), history["val_loss"])
    assert drawn(loss, "training").get_linestyle() != drawn(loss, "validation").get_linestyle()
    assert drawn(loss, "kept: epoch 2").get_xdata()[0] == 2
    assert drawn(loss, "_kept").get_xydata().tolist() == [[2, 1.5]]
    assert [ax.get_ylabel() for ax in (loss, mae)] == ["loss", "mae"]
    assert loss.get_yscale() == "linear"
    assert loss.get_xlim()[0] > 0
    assert overlaps(loss.figure) == []


def test_a_learning_rate_has_a_panel_where_it_changes():
    history = {"loss": [3.0, 1.0, 0.001], "learning_rate": [0.1, 0.01, 0.001]}
    loss, rate = plots.history(history)
    np.testing.assert_allclose(rate.lines[0].get_ydata(), [0.1, 0.01, 0.001])
    assert rate.get_ylabel() == "learning rate"
    assert loss.get_yscale() == rate.get_yscale() == "log"
    assert len(plots.history({**history, "learning_rate": [0.1, 0.1, 0.1]})) == 1
    assert len(plots.history({"loss": [3, 2, 1], "lr": [3, 2, 1]})) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no epochs"),
        (nn.History(), "no epochs"),
        ({"loss": []}, "no epochs"),
        ({"loss": [1.0], "mae": [1.0, 2.0]}, "one length"),
        ({"loss": ["a"]}, "does not hold numbers"),
        (nn.Sequential(nn.Dense(1)), "has not been trained"),
        ([1.0, 2.0], "a mapping"),
    ],
)
def test_histories_that_cannot_be_drawn(given, message):
    with pytest.raises(ArgumentError, match=message):
        plots.history(given)
    assert not plt.get_fignums()


# -- gradients ---------------------------------------------------------------------------


def test_gradient_flow_shows_the_gradients_that_explain_derives():
    model = relu_net()
    ax = plots.gradient_flow(model, X, Y, loss="cross_entropy")
    grads = model.explain(X, Y, loss="cross_entropy").grads
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["dense1.W", "dense1.b", "dense2.W", "dense2.b"]
    sizes = [np.abs(grads[name.replace(".", "_")]) for name in names]
    mean, most = drawn(ax, "mean |gradient|"), drawn(ax, "largest")
    np.testing.assert_allclose(mean.get_xdata(), [s.mean() for s in sizes], rtol=1e-6)
    np.testing.assert_allclose(most.get_xdata(), [s.max() for s in sizes], rtol=1e-6)
    assert ax.get_xscale() == "log"
    assert "neither vanish nor explode" in ax.get_title(loc="left")


def test_zero_shares_are_marked():
    model = relu_net()
    model.params["dense1"]["b"][:3] = -100
    ax = plots.gradient_flow(model, X, Y, loss="cross_entropy")
    grads = model.explain(X, Y, loss="cross_entropy").grads
    assert [t.get_text() for t in ax.texts] == [
        f"{np.mean(g == 0):.0%} are 0" for g in grads.values() if np.any(g == 0)
    ]
    assert ax.texts
    model.params["dense1"]["b"][:] = -100
    ax = plots.gradient_flow(model, X, Y, loss="cross_entropy")
    assert [t.get_text() for t in ax.texts][:2] == ["all 0", "all 0"]
    assert "No gradient reaches dense1" in ax.get_title(loc="left")


def test_vanishing_is_judged_as_by_health():
    layers = [layer for _ in range(9) for layer in (nn.Dense(8), nn.Sigmoid())]
    model = network(*layers, nn.Dense(2))
    ax = plots.gradient_flow(model, X, Y, loss="cross_entropy")
    (finding,) = model.health(X, Y, loss="cross_entropy").of("vanishing")
    assert ax.get_title(loc="left").replace("\n", " ") == finding.text
    bold = [t.get_text() for t in ax.get_yticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["dense1.W", "dense1.b"]
    assert overlaps(ax.figure) == []


def test_fifty_layers_in_small_axes():
    layers = [layer for _ in range(50) for layer in (nn.Dense(3), nn.ReLU())]
    model = network(*layers, nn.Dense(2))
    _, axes = plt.subplots(1, 2, layout="constrained")
    plots.gradient_flow(model, X, Y, loss="cross_entropy", ax=axes[0])
    plots.gradient_flow(model, X, Y, loss="cross_entropy", ax=axes[1])
    assert overlaps(axes[0].figure) == []
    shown = drawn(axes[0], "mean |gradient|").get_xdata()
    assert len(shown) + sum(line.get_marker() == "X" for line in axes[0].lines) == 102


def test_gradient_flow_of_a_solution():
    solution = cr.explain(lambda w, p: np.sum((w * p["a"] + p["b"]) ** 2), np.arange(3.0),
                          {"a": 2.0, "b": np.ones(3)})  # fmt: skip
    ax = plots.gradient_flow(solution)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["w", "p['a']", "p['b']"]
    sizes = np.abs(solution.grads["w"])
    assert drawn(ax, "largest").get_xdata()[0] == sizes.max()


def test_gradients_that_cannot_be_drawn():
    model = relu_net()
    with pytest.raises(ArgumentError, match="no y"):
        plots.gradient_flow(model, X)
    with pytest.raises(ArgumentError, match="Which loss"):
        plots.gradient_flow(model, X, Y)
    with pytest.raises(ArgumentError, match="has no parameters"):
        plots.gradient_flow(nn.Sequential(nn.Dense(2)), X, Y)
    with pytest.raises(ArgumentError, match=r"9"):
        plots.gradient_flow(model, X, np.full(60, 9), loss="cross_entropy")
    with pytest.raises(ArgumentError, match="no model"):
        plots.gradient_flow("model", X, Y)
    model.params["dense1"]["W"][:] = np.nan
    with pytest.raises(ArgumentError, match="not finite"):
        plots.gradient_flow(model, X, Y, loss="cross_entropy")
    assert not plt.get_fignums()


# -- histograms --------------------------------------------------------------------------


def heights(patch):
    """Return the largest height of a histogram's outline."""
    return patch.get_xy()[:, 1].max()


def test_weights_have_a_panel_for_each_layer():
    model = relu_net()
    axes = plots.weights(model)
    assert [ax.get_title(loc="left") for ax in axes] == ["dense1", "dense2"]
    labels = [t.get_text() for t in axes[0].get_legend().texts]
    assert labels == ["W  2×6", "b  6"]
    outline = axes[0].patches[0].get_xy()
    W = model.params["dense1"]["W"]
    assert outline[:, 0].min() == pytest.approx(min(W.min(), 0))
    assert heights(axes[0].patches[1]) == pytest.approx(1)  # all biases are 0, in one bin
    (only,) = plots.weights(model, layers=["dense2"])
    assert only.get_title(loc="left") == "dense2"
    assert overlaps(axes[0].figure) == []


def test_weights_that_are_not_finite_are_counted():
    model = relu_net()
    model.params["dense1"]["b"][:2] = np.nan
    model.params["dense2"]["b"][:] = np.inf
    axes = plots.weights(model)
    assert axes[0].get_legend().texts[1].get_text() == "b  6  (2 not finite)"
    assert axes[1].get_legend().texts[1].get_text() == "b  2  (2 not finite)"


def test_activations_name_dead_and_saturated_units_as_health_does():
    model = network(nn.Dense(5), nn.ReLU(), nn.Dense(4), nn.Tanh(), nn.Dense(2))
    model.params["dense1"]["b"][[1, 3]] = -100
    model.params["dense2"]["b"][2] = 100
    axes = plots.activations(model, X)
    texts = {ax.get_title(loc="left"): [t.get_text() for t in ax.texts] for ax in axes}
    found = {f.layer: f for f in model.health(X, Y, loss="cross_entropy").findings if f.units}
    assert found["relu1"].units == (1, 3)
    assert texts == {
        "dense1": [], "relu1": ["2 of 5 units dead: 1, 3"], "dense2": [],
        "tanh1": ["1 of 4 units saturated: 2"], "dense3": [],
    }  # fmt: skip
    top = heights(axes[1].patches[0])
    assert top >= 0.4  # at least the dead units' zeros
    assert overlaps(axes[0].figure) == []


def test_activations_of_a_model_without_layers():
    model = nn.FunctionModel(lambda p, x: np.maximum(x @ p["W"], 0), {"W": np.ones((2, 3))})
    (ax,) = plots.activations(model, X)
    assert ax.get_title(loc="left") == "prediction"


def test_layers_that_cannot_be_drawn():
    model = relu_net()
    with pytest.raises(ArgumentError, match="no layer 'conv'"):
        plots.weights(model, layers=["conv"])
    with pytest.raises(ArgumentError, match="No layers"):
        plots.activations(model, X, layers=[])
    with pytest.raises(ArgumentError, match="has no parameters"):
        plots.weights(nn.Sequential(nn.Dense(2)))
    with pytest.raises(ShapeError):
        plots.activations(model, np.ones((4, 3)))
    with pytest.raises(ArgumentError, match="row 1"):
        plots.activations(model, [[1.0, 2.0], [np.nan, 1.0]])
    with pytest.raises(ArgumentError, match="empty"):
        plots.activations(model, np.ones((0, 2)))


# -- sweep -------------------------------------------------------------------------------


def test_the_sweep_of_a_check_is_the_reports_own():
    report = cr.check(lambda w: w**3, lambda w, dy: 3 * w**2 * dy, 2.0)
    ax = plots.sweep(report)
    found = report.sweep()
    central = ax.lines[1]
    inside = found.errors["central"] > ax.get_ylim()[0]
    np.testing.assert_allclose(central.get_ydata()[inside], found.errors["central"][inside])
    assert plots.sweep(found).get_title(loc="left") == ax.get_title(loc="left")
    with pytest.raises(ArgumentError, match="knows what is claimed"):
        plots.sweep(report, 1.0)
    with pytest.raises(ArgumentError, match="of a check"):
        plots.sweep(3)


# -- axes --------------------------------------------------------------------------------

DRAW = {
    "history": lambda ax: plots.history({"loss": [2.0, 1.0]}, ax),
    "gradient_flow": lambda ax: plots.gradient_flow(relu_net(), X, Y, loss="cross_entropy", ax=ax),
    "weights": lambda ax: plots.weights(relu_net(), ax, layers=["dense1"]),
    "activations": lambda ax: plots.activations(relu_net(), X, ax, layers=["relu1"]),
    "decision_surface": lambda ax: plots.decision_surface(
        lambda rows: (rows[:, 0] > 0).astype(int), X, Y, ax=ax, resolution=20
    ),
    "sweep": lambda ax: plots.sweep(np.exp, ax=ax),
}


@pytest.mark.parametrize("name", DRAW)
def test_given_axes_are_drawn_into_and_nothing_else_changes(name):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    assert set(DRAW) == set(plots.__all__)
    own = plt.figure()
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    before = dict(plt.rcParams)
    result = np.ravel(DRAW[name](ax))[0]
    assert result is ax
    assert plt.get_fignums() == [own.number]
    assert plt.gcf() is own
    assert dict(plt.rcParams) == before
    assert overlaps(ax.figure) == []


@pytest.mark.parametrize("name", DRAW)
def test_without_axes_a_new_figure_stays_open(name):
    result = np.ravel(DRAW[name](None))[0]
    assert plt.get_fignums() == [result.figure.number]
    width, height = result.figure.get_size_inches()
    assert width >= 6.4
    assert height >= 3.2
    assert overlaps(result.figure) == []


@pytest.mark.parametrize("name", DRAW)
def test_what_is_no_axes_is_refused_and_matplotlib_is_asked_for(name, monkeypatch):
    with pytest.raises(ArgumentError, match="axes of matplotlib"):
        DRAW[name]("axes")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"chainrule\[plot\]"):
        DRAW[name](None)


def test_too_few_axes():
    with pytest.raises(ArgumentError, match="fewer axes"):
        plots.weights(relu_net(), [plt.figure().add_subplot()])


def test_not_numbers():
    with pytest.raises(DtypeError):
        plots.activations(relu_net(), [["a", "b"]])
