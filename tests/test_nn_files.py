"""Models and checkpoints come back from files as they were; what is no good is refused."""

import json
import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ArgumentError, FileError
from chainrule.nn import files
from chainrule.nn.files.header import DTYPES
from chainrule.nn.training.history import History
from tests.test_nn_layers import EXAMPLES

DATA = Path(__file__).parent / "data"
MODEL_1 = DATA / "model-format-1.safetensors"
CHECKPOINT_1 = DATA / "checkpoint-format-1.safetensors"
RNG = np.random.default_rng


def trained(*layers, shape=(4,), dtype=np.float32, seed=3):
    """A model whose arrays are no longer those that it began with."""
    model = nn.Sequential(*layers)
    model.initialise(shape, seed=seed, dtype=dtype)
    for tree, low in ((model.params, -1), (model.state, 0.1)):
        for arrays in tree.values():
            for name, array in arrays.items():
                arrays[name] = RNG(seed).uniform(low, 1, array.shape).astype(array.dtype)
    return model


def first_model():
    """What the file of the first format holds; `python -m tests.test_nn_files` wrote it."""
    model = trained(
        nn.Dense(5), nn.BatchNorm(momentum=0.25), nn.LeakyReLU(0.2), nn.Dropout(0.5),
        nn.Dense(4, bias=False, init="orthogonal"), nn.LayerNorm(), nn.Tanh(), nn.Dense(3),
        nn.Softmax(),
    )  # fmt: skip
    model.loss, model.metrics = "cross_entropy", ("accuracy",)
    model.history = History({"loss": [1.5, math.nan, 0.25], "val_loss": [2.0, math.inf, 0.5]})
    model.history.stopped, model.history.best_epoch = "no better for 10 epochs", 2
    return model


def first_checkpoint():
    tree = {
        "params": {"dense1": {"W": np.arange(6, dtype=np.float32).reshape(2, 3)}},
        "optimizer": ({"m": (np.float64([0.1, -0.0, np.nan]),), "count": np.array(7.0)}, ()),
        "flags": [np.array([True, False]), np.int64(3), 1e300, None],
    }
    return tree, {"epoch": 3, "seed": 2**100, "best": -math.inf, 4: "four"}


X = np.linspace(-2, 2, 12).reshape(3, 4)
#: What the model of the first format predicts for X.
PREDICTED = [
    [0.2711455523967743, 0.3828775882720947, 0.3459768295288086],
    [0.31559979915618896, 0.19861304759979248, 0.4857870638370514],
    [0.08165056258440018, 0.13377080857753754, 0.7845786213874817],
]


def same(a, b):
    """Whether two nested containers are the same, to the bit and with the types of all parts."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return a == b or (a != a and b != b)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.safetensors"


class TestModels:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    @pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
    def test_every_layer_comes_back(self, layer, dtype, path):
        model = trained(layer, nn.Dense(2), dtype=dtype)
        files.save(model, path)
        again = files.load(path)
        assert again.config() == model.config()
        assert same(again.params, model.params)
        assert same(again.state, model.state)
        assert again.input_shape == (4,)
        x = RNG(1).normal(size=(5, 4)).astype(dtype)
        args = (x, nn.Context(1, 2))
        assert same(again.predict(x), model.predict(x))
        ours, theirs = (m.apply(m.params, m.state, *args) for m in (model, again))
        assert same(ours[0], theirs[0])
        assert same(ours[1], theirs[1])

    @pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
    @pytest.mark.parametrize("shape", [(4,), (2, 3)])
    def test_layers_tell_the_shapes_of_what_they_make(self, layer, shape):
        made = layer.parameters(RNG(0), shape, np.float32), layer.state(shape, np.float32)
        told = layer.parameter_shapes(shape), layer.state_shapes(shape)
        assert [{k: a.shape for k, a in m.items()} for m in made] == list(told)

    def test_what_is_known_besides(self, path):
        model = first_model()
        files.save(model, path)
        again = files.load(path)
        assert (again.loss, again.metrics) == ("cross_entropy", ("accuracy",))
        assert same(dict(again.history), dict(model.history))
        assert again.history.stopped == "no better for 10 epochs"
        assert again.history.best_epoch == 2

    def test_trains_on_as_the_model_itself(self, path):
        X, y = RNG(0).normal(size=(40, 4)), RNG(1).integers(0, 3, 40)
        options = {"loss": "cross_entropy", "metrics": "accuracy", "executor": "numpy"}
        model = nn.Sequential(nn.Dense(8), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(3))
        model.fit(X, y, epochs=2, **options)
        files.save(model, path)
        again = files.load(path)
        assert again.loss == "cross_entropy"
        assert again.evaluate(X, y) == model.evaluate(X, y)
        assert again.explain(X[:2], y[:2]).value == model.explain(X[:2], y[:2]).value
        for each in (model, again):
            each.fit(X, y, epochs=2, seed=5, **options)
        assert same(again.params, model.params)
        assert same(again.state, model.state)

    def test_losses_that_have_no_name_are_not_kept(self, path):
        model = trained(nn.Dense(1))
        for loss, kept in ((nn.mse, "mse"), (lambda p, t: p.sum(), None), ("hinge", "hinge")):
            model.loss = loss
            files.save(model, path)
            assert files.load(path).loss == kept

    def test_a_layer_of_ones_own(self, path):
        class Scaled(nn.Layer):
            def __init__(self, by: float, inner: nn.Layer) -> None:
                self.by, self.inner = by, inner

            def parameters(self, rng, shape, dtype):
                return {"w": np.full(shape, self.by, dtype)}

            def apply(self, params, state, x, context=None):
                return self.inner.apply({}, {}, x * params["w"])[0], state

        model = trained(Scaled(2.0, nn.ReLU()), nn.Dense(1))
        files.save(model, path)
        assert same(files.load(path).predict(X), model.predict(X))
        nn.configs.MAKERS.pop("Scaled")
        with pytest.raises(FileError, match=r"import the module that defines it first"):
            files.load(path)

    def test_a_model_without_parameters(self, path):
        model = trained(nn.Flatten(), nn.ReLU(), shape=(2, 3))
        files.save(model, path)
        x = RNG(0).normal(size=(2, 2, 3))
        assert same(files.load(path).predict(x), model.predict(x))

    def test_a_function_gets_its_parameters(self, path):
        def forward(params, x):
            return x @ params["layers"][0] + params["offset"]

        params = {"layers": [np.ones((4, 2)), ()], "offset": np.zeros(())}
        model = nn.FunctionModel(forward, params)
        model.fit(X, X[:, :2], epochs=2, executor="numpy")
        files.save(model, path)
        again = files.load(path, forward=forward)
        assert same(again.params, model.params)
        assert same(again.predict(X), model.predict(X))
        assert again.input_shape == model.input_shape
        with pytest.raises(ArgumentError, match=r"forward=f"):
            files.load(path)
        with pytest.raises(ArgumentError, match=r"made of a function"):
            files.load(path, forward=3)
        files.save(trained(nn.Dense(1)), path)
        with pytest.raises(ArgumentError, match=r"need no function"):
            files.load(path, forward=forward)

    def test_files_are_the_same_each_time(self, tmp_path):
        for name in "ab":
            files.save(first_model(), tmp_path / name)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_other_programs_read_the_weights(self, path):
        from safetensors import safe_open

        model = first_model()
        files.save(model, path)
        with safe_open(path, framework="np") as file:
            assert same(file.get_tensor("params.dense1.W"), model.params["dense1"]["W"])
            told = json.loads(file.metadata()["chainrule"])
        assert (told["format"], told["kind"]) == (1, "model")

    def test_refused_before_anything_is_written(self, path):
        built = trained(nn.Dense(2))
        broken = [
            (nn.Sequential(nn.Dense(2)), "has no parameters yet"),
            ("model", "Only a Sequential"),
            (type("Mine", (nn.Sequential,), {})(nn.Dense(2)), "not a subclass"),
        ]
        for change, said in (
            ({"params": {"dense1": {"W": built.params["dense1"]["W"]}}}, r"params\.dense1\.b"),
            ({"params": built.params | {"dense2": {"W": np.ones(2)}}}, r"params\.dense2\.W"),
            ({"params": {"dense1": {"W": np.ones((3, 2)), "b": np.ones(2)}}}, r"\(4, 2\)"),
            ({"input_shape": None}, "shape of a sample is not known"),
        ):
            model = trained(nn.Dense(2))
            vars(model).update(change)
            broken.append((model, said))
        for model, said in broken:
            with pytest.raises(ArgumentError, match=said):
                files.save(model, path)
        assert not path.exists()


class TestCheckpoints:
    @pytest.mark.parametrize(
        "optimizer",
        [nn.SGD(0.1, momentum=0.9), nn.Adam(), nn.RMSProp(centered=True), nn.Lion(), nn.AdaGrad()],
        ids=repr,
    )
    def test_states_of_optimizers(self, optimizer, path):
        params = trained(nn.Dense(3), nn.Dense(2)).params
        carry = {"params": params, "state": {}, "step": np.float32(4)}
        carry["optimizer"] = optimizer.apply(params, params, optimizer.init(params))[1]
        files.save_checkpoint(path, carry)
        assert same(files.load_checkpoint(path), (carry, None))

    def test_every_container_and_number(self, path):
        tree = {
            "empty": [(), [], {}, None, ""],
            "dots": {"a.b": np.ones(1), "a": {"b": np.zeros(1)}, "": np.array(2)},
            "keys": {1: "one", "1": np.ones(()), -(2**70): 1, "ключ / \n\0": [True, False]},
            "floats": [0.1, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308],
            "ints": [0, -1, 2**53 + 1, 2**200],
            "numbers": [np.float32(0.1), np.float16(np.nan), np.bool_(True), np.uint8(255)],
            "__metadata__": np.arange(3),
            "shapes": [np.zeros((0, 3)), np.zeros((2, 0)), np.zeros((1,) * 9)],
        }
        files.save_checkpoint(path, tree, (1, {"document": (np.arange(2),)}))
        assert same(files.load_checkpoint(path), (tree, (1, {"document": (np.arange(2),)})))

    @pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
    def test_every_type_and_layout(self, dtype, path):
        whole = RNG(0).integers(0, 2**7, 4 * 6).astype(dtype).reshape(4, 6)
        arrays = [
            whole, whole.T, whole[::2, 1::3], whole[::-1], np.asfortranarray(whole), whole[1, 2:3],
            np.broadcast_to(whole[0], (3, 6)), whole.astype(dtype.newbyteorder(">")),
            np.frombuffer(b"\0" + whole.tobytes(), np.uint8)[1:].view(dtype), whole[0, 0, None][0],
        ]  # fmt: skip
        arrays[4].flags.writeable = False
        files.save_checkpoint(path, arrays)
        for array, again in zip(arrays, files.load_checkpoint(path)[0], strict=True):
            assert np.array_equal(array, again)
            assert array.shape == again.shape
            assert again.dtype == dtype.newbyteorder("=")
            if isinstance(again, np.ndarray):
                assert again.flags.aligned
                assert again.flags.owndata
                assert again.flags.writeable
                assert again.flags.c_contiguous

    def test_bits_of_numbers_that_are_none(self, path):
        bits = np.array([0x7FF8000000000001, 0xFFF0000000000001], np.uint64).view(np.float64)
        files.save_checkpoint(path, {"a": bits, "b": [float(v) for v in bits]})
        again = files.load_checkpoint(path)[0]
        assert again["a"].tobytes() == bits.tobytes()
        assert np.array(again["b"]).tobytes() == np.array([float(v) for v in bits]).tobytes()

    def test_arrays_of_other_libraries(self, path):
        jnp = pytest.importorskip("jax.numpy")
        files.save_checkpoint(path, [jnp.arange(3.0)])
        assert same(files.load_checkpoint(path)[0], [np.arange(3, dtype=np.float32)])

    @pytest.mark.parametrize(
        ("tree", "said"),
        [
            ({"a": [1, {2}]}, r"checkpoint\.tree\.a\.1 cannot be saved"),
            ({"a": np.array(["text"])}, r"dtype <U4"),
            ({"a": np.array([None])}, r"dtype object"),
            ({"a": np.zeros(2, complex)}, r"dtype complex128"),
            ({"a": np.ma.masked_array([1.0], [True])}, r"MaskedArray"),
            ({"a": 1j}, r"complex"),
            ({(1, 2): 3}, r"keys that are strings or whole numbers"),
            ({"a": OrderedDict(a=1)}, r"OrderedDict"),
            ({"\ud800": 1}, r"surrogate"),
            ({"\ud800": np.ones(1)}, r"surrogate"),
            ({"a": 10**5000}, r"cannot be written as JSON"),
        ],
    )
    def test_what_no_file_can_hold(self, tree, said, path):
        with pytest.raises(ArgumentError, match=said):
            files.save_checkpoint(path, tree)
        assert not path.exists()

    def test_deep_and_endless_containers(self, path):
        deep = []
        for _ in range(38):
            deep = [deep]
        files.save_checkpoint(path, deep)
        assert same(files.load_checkpoint(path)[0], deep)
        endless = []
        endless.append(endless)
        for tree in ([[deep]], endless):
            with pytest.raises(ArgumentError, match=r"40 containers in each other at most"):
                files.save_checkpoint(path, tree)


class TestOldFiles:
    def test_the_first_model_keeps_loading(self):
        model = files.load(MODEL_1)
        assert same(model.params, first_model().params)
        assert model.config() == first_model().config()
        assert np.allclose(model.predict(X), PREDICTED, rtol=1e-5, atol=0)
        assert same(dict(model.history), dict(first_model().history))

    def test_the_first_checkpoint_keeps_loading(self):
        assert same(files.load_checkpoint(CHECKPOINT_1), first_checkpoint())


if __name__ == "__main__":
    files.save(first_model(), MODEL_1)
    files.save_checkpoint(CHECKPOINT_1, *first_checkpoint())
    print(files.load(MODEL_1).predict(X).tolist())
