"""``chainrule train`` and ``predict``: what they print and write, and what they refuse."""

import html.parser
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from chainrule import nn
from chainrule.cli import main, screen
from chainrule.errors import ArgumentError
from chainrule.nn import files
from chainrule.tabular import charts, network, splitting
from chainrule.tabular.predictor import Predictor
from chainrule.tabular.reading import read_table

SCRIPT = "<script>alert(1)</script>"
QUICK = ("--epochs", "3", "--hidden", "8")
BRIEF = ("--epochs", "40", "--lr", "0.01")


def flowers(rows=90, seed=0):
    """Three kinds of flowers, told apart by two numbers and a color."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    return pd.DataFrame({
        "width": (kind + rng.normal(0, 0.2, rows)).round(3),
        "length": (2 - kind + rng.normal(0, 0.2, rows)).round(3),
        "color": np.array(["red", "blue", "white"])[np.where(rng.random(rows) < 0.7, kind, 0)],
        "species": np.array(["rose", "iris", "lily"])[kind],
    })  # fmt: skip


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments, status=0):
        got = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert got == status, (out, err)
        return err if status == 2 else out

    return call


@pytest.fixture(scope="module")
def flower_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowers")
    flowers().to_csv(folder / "data.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "train", "data.csv", "--target", "species", *BRIEF],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return folder, done.stdout


@pytest.fixture
def trained(run, flower_model):
    folder, out = flower_model
    for path in folder.iterdir():
        shutil.copy(path, path.name)
    return out


def refused(run, content, *options):
    frame = content if isinstance(content, pd.DataFrame) else None
    if frame is not None:
        frame.to_csv("bad.csv", index=False)
    else:
        Path("bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    said = run("train", "bad.csv", *(options or ("--target", "species")), *QUICK, status=2)
    assert not Path("model.safetensors").exists()
    return said


# -- the whole way -----------------------------------------------------------------------


def test_flowers_are_learned_and_predicted(run, trained):
    assert "species: classification of 3 classes" in trained
    assert "color   categorical" in trained
    accuracy = re.search(r"accuracy +([\d.]+) +([\d.]+) +([\d.]+)", trained)
    assert float(accuracy[1]) > 0.9 > 0.5 > float(accuracy[3])
    rows = re.findall(r"^  (\w+) +(\d+) +(\d+) +(\d+)$", trained, re.MULTILINE)
    assert [row[0] for row in rows] == ["iris", "lily", "rose"]
    assert sum(int(n) for row in rows for n in row[1:]) == 18
    assert "wrote model.safetensors and model.html" in trained
    again = shlex.split(trained.strip().splitlines()[-1].partition("next: chainrule ")[2])
    new = flowers(seed=1)
    shuffled = new[["species", "color", "length", "width"]].assign(extra=1)
    shuffled.to_csv("data.csv", index=False)
    out = run(*again, "-o", "out.csv", "--probabilities")
    assert "A column that is not used: extra." in out
    assert "Scores on 90 rows" in out
    found = pd.read_csv("out.csv")
    assert (found["species"] == new["species"]).mean() > 0.9
    shares = found.iloc[:, 1:]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert [c.removeprefix("species: ") for c in shares] == ["iris", "lily", "rose"]
    assert (shares.columns[shares.to_numpy().argmax(1)].str[9:] == found["species"]).all()


def test_predictions_go_to_the_output_and_all_else_beside(run, trained, capsys):
    new = flowers(20, seed=2).drop(columns="species")
    new.loc[:2, "color"] = "green"
    new.loc[3, "width"] = np.inf
    new.loc[4, "width"] = 1e99
    new.to_csv("new.csv", index=False)
    assert main(["predict", "model.safetensors", "new.csv"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert (lines[0], len(lines)) == ("species", 21)
    assert set(lines[1:]) <= {"rose", "iris", "lily"}
    assert "color: 3 rows have a category that training has not seen (green)" in err
    assert "width: 1 infinite value: taken as missing." in err


def test_booleans_are_the_same_from_either_file(run):
    frame = flowers()
    frame["species"] = frame["species"] == "rose"
    frame.to_csv("data.csv", index=False)
    frame.to_parquet("data.parquet", index=False)
    run("train", "data.csv", "--target", "species", *QUICK)
    first = run("predict", "model.safetensors", "data.csv", "-o", "first.csv")
    second = run("predict", "model.safetensors", "data.parquet", "-o", "second.csv")
    assert "Scores on 90 rows" in first
    assert first.replace("first", "second") == second
    assert Path("first.csv").read_text() == Path("second.csv").read_text()
    assert set(pd.read_csv("first.csv", dtype=str)["species"]) == {"True", "False"}


def test_regression_from_parquet_in_the_targets_own_units(run):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=200), "day": pd.date_range("2024-01-01", periods=200)}
    )
    frame["price"] = 5000 + 1000 * frame["a"] + 10 * np.arange(200)
    frame.to_parquet("data.parquet", index=False)
    out = run("train", "data.parquet", "--target", "price", *BRIEF, "-o", "m", "--report", "r.html")
    assert "price: regression" in out
    assert float(re.search(r"R² +(\S+)", out)[1]) > 0.8
    assert "Predicted beside true values" in Path("r.html").read_text(encoding="utf-8")
    frame.drop(columns="price").to_csv("new.csv", index=False)
    found = pd.read_csv(io.StringIO(run("predict", "m", "new.csv")))
    assert np.corrcoef(found["price"], frame["price"])[0, 1] > 0.9
    assert 4000 < found["price"].mean() < 8000


def test_the_same_seed_gives_the_same_model_and_another_one_another_split(run):
    flowers().to_csv("data.csv", index=False)
    outputs = [
        run("train", "data.csv", "--target", "species", *QUICK, "--seed", seed, "-o", f"m{i}")
        for i, seed in enumerate([5, 5, 6])
    ]
    assert outputs[0].replace("m0", "m1") == outputs[1]
    first, second, third = (files.load(f"m{i}").params["dense1"]["W"] for i in range(3))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_many_rows_are_validated_with_a_part(run):
    flowers(2600).to_csv("data.csv", index=False)
    out = run("train", "data.csv", "--target", "species", *QUICK)
    assert "validation rows" in out


def test_options_reach_the_network(run):
    frame = flowers().assign(code=np.arange(90) % 4)
    frame.to_csv("data.csv", index=False)
    run("train", "data.csv", "--target", "species", "--hidden", "16,4", "--dropout", "0",
        "--epochs", "2", "--batch-size", "1000", "--ignore", "width,length",
        "--categorical", "code", "--test", "0.5")  # fmt: skip
    made = Predictor.load("model.safetensors")
    assert [type(layer).__name__ for layer in made.model.layers.values()] == [
        "Dense", "ReLU", "Dense", "ReLU", "Dense"
    ]  # fmt: skip
    assert [column.name for column in made.columns] == ["color", "code"]
    assert made.facts["held out"] == 45


def test_quiet_prints_scores_alone(run):
    flowers().to_csv("data.csv", index=False)
    out = run("train", "data.csv", "--target", "species", "--quiet", *QUICK)
    assert "Columns" not in out
    assert "log loss" in out


def test_one_row_held_out_has_no_spread_to_explain(run):
    flowers().to_csv("data.csv", index=False)
    out = run("train", "data.csv", "--target", "width", "--test", "0.001", *QUICK)
    assert "Scores on the 1 row held out" in out
    assert re.search(r"R² +undefined +undefined +undefined", out)


# -- the report --------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.open, self.text = set(), [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [v for k, v in attributes if k in ("src", "href") or k.startswith("on")]
        if tag not in ("meta", "line", "circle", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "circle", "polyline"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_report_shows_script_as_text_and_loads_nothing(run):
    frame = flowers().rename(columns={"width": SCRIPT, "species": f'a"{SCRIPT}'})
    frame["color"] = frame["color"].replace({"red": SCRIPT})
    frame[f'a"{SCRIPT}'] = frame[f'a"{SCRIPT}'].replace({"rose": f"'{SCRIPT}"})
    frame["<b>"] = SCRIPT
    frame.to_csv("data.csv", index=False)
    run("train", "data.csv", "--target", f'a"{SCRIPT}', *QUICK)
    text = Path("model.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert not page.tags & {"script", "b", "link", "img", "iframe"}
    assert page.links == page.open == []
    assert "http" not in text.replace("http-equiv", "")
    assert page.text.count(SCRIPT) >= 4
    assert {"polyline", "table", "style"} <= page.tags
    assert "prefers-color-scheme" in text
    assert "@media print" in text
    assert "&#x27;&lt;script&gt;" in text


def test_the_report_has_what_the_terminal_has(trained):
    page = Page()
    page.feed(Path("model.html").read_text(encoding="utf-8"))
    for score in re.findall(r"\d\.\d{3}", trained):
        assert score in page.text
    for title in ("Scores", "Training", "Confusion matrix", "Columns", "Health of the network"):
        assert title in page.text


# -- what is refused ---------------------------------------------------------------------


def test_a_target_that_is_not_there(run):
    said = refused(run, flowers(), "--target", "Specis")
    assert "has no column 'Specis'" in said
    assert "instead:  species" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("width,species\n", "has no rows"),
        ("width,species\n1,rose\n", "too little"),
        (b"\x89PNG\r\n\x00", "is a picture"),
        ("<html><body>no</body></html>", "page of HTML"),
        ("1,2\n3,4\n5,6\n", "no line of names"),
        ("species\n" + "a\nb\n" * 10, "No column is left"),
        ("k,species\n" + "1,a\n1,b\n" * 10, "k: one value in all rows"),
        ("a,a,species\n" + "1,2,x\n3,4,y\n" * 10, "'a' as columns 1, 2"),
        ("a,species\n" + "1,x\n2,x\n" * 10, "one class"),
        ("a,species\n" + "1,\n2,?\n" * 10, "too little"),
    ],
)
def test_bad_tables(run, content, said):
    assert said in refused(run, content)


def test_bad_options(run):
    frame = flowers()
    for options, said in [
        (("--test", "1"), "a share between 0 and 1"),
        (("--epochs", "0"), "a whole number from 1"),
        (("--lr", "nan"), "a positive number"),
        (("--hidden", "64,x"), "such as 64,32"),
        (("--ignore", "wdth"), "instead:  width"),
        (("--ignore", "species"), "is the target"),
        (("--ignore", "width", "--numeric", "width"), "two things"),
        (("--numeric", "color"), "none of its values is a number"),
        (("--task", "regression"), "Regression needs numbers"),
        (("-o", "bad.csv"), "three files"),
        (("-o", "nowhere/model"), "its folder is not there"),
        (("-o", "."), "a folder of this name"),
        (("--report", "/dev/null"), "may not be replaced"),
    ]:
        assert said in refused(run, frame, "--target", "species", *options)
    assert "There is no such file" in run("train", "dat.csv", "--target", "y", status=2)
    assert "--target" in run("train", "bad.csv", status=2)


def test_odd_cells_are_told_and_do_not_stop_it(run):
    frame = flowers(120).astype({"width": object})
    frame.loc[:3, "width"] = ["inf", "-inf", "wide", ""]
    frame.loc[4:6, "species"] = ""
    frame["same"] = 7
    frame["copy"] = frame["species"]
    frame["long"] = ["x" * 20_000, "y"] * 60
    frame["z" * 3000] = np.arange(120) % 7
    frame.to_csv("data.csv", index=False)
    out = run("train", "data.csv", "--target", "species", *QUICK)
    assert "3 rows without a value of species: left out." in out
    assert "infinite" in out
    assert "same      " in out
    assert "left out: one value in all rows: 7" in out
    assert "copy tells species exactly" in out
    assert max(map(len, out.splitlines())) < 200
    assert len(Path("model.html").read_text(encoding="utf-8")) < 100_000


def test_a_wide_table_is_listed_in_part(run):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(60, 400)).round(2)).add_prefix("c")
    wide.assign(y=["a", "b"] * 30).to_csv("data.csv", index=False)
    out = run("train", "data.csv", "--target", "y", *QUICK)
    assert "... and 370 more" in out
    assert len(out.splitlines()) < 60


def test_a_class_of_one_row_is_told(run):
    frame = flowers()
    frame.loc[0, "species"] = "orchid"
    frame.to_csv("data.csv", index=False)
    out = run("train", "data.csv", "--target", "species", *QUICK)
    assert "fewer than 5 rows, hardly to be learned: orchid (1)" in out


def test_few_rows_are_trained_on_without_validation(run):
    flowers(12).to_csv("data.csv", index=False)
    assert "too few rows to spare" in run("train", "data.csv", "--target", "species", *QUICK)


def test_a_rate_that_is_too_large(run):
    flowers().to_csv("data.csv", index=False)
    said = run("train", "data.csv", "--target", "species", "--lr", "1e30", status=2)
    assert "The training diverged. A NaN or an infinity arose in epoch 1" in said
    assert "instead:  --lr 1e+29" in said


def test_a_network_that_is_not_well_is_told(run):
    frame = flowers()
    frame["species"] = np.where(frame["species"] == "rose", "rose", "other")
    frame.to_csv("data.csv", index=False)
    out = run("train", "data.csv", "--target", "species", "--lr", "20", "--epochs", "5",
              "--hidden", "4,4,4", "--dropout", "0")  # fmt: skip
    assert re.search(r"Health\n  .*Usual remedies", out)


# -- classes that are not equally many ----------------------------------------------------


def frauds(rows=600, share=0.06):
    """A rare class, whose rows are nearer to the common ones than to be told apart by most."""
    rng = np.random.default_rng(0)
    fraud = rng.random(rows) < share
    return pd.DataFrame({
        "a": (1.3 * fraud + rng.normal(size=rows)).round(3),
        "b": (rng.normal(size=rows) - fraud).round(3),
        "fraud": np.where(fraud, "yes", "no"),
    })  # fmt: skip


def scores_in(out, name):
    line = re.search(rf"^  {name} +(.*)$", out, re.M)[1]
    return [float(cell) for cell in line.split()]  # of the network, and of simple models


def test_a_rare_class_is_found_where_each_counts_as_much(run):
    frauds().to_csv("data.csv", index=False)
    plain = run("train", "data.csv", "--target", "fraud", *BRIEF)
    balanced = run("train", "data.csv", "--target", "fraud", *BRIEF, "--balanced")
    for out, least, most in ((plain, 0.4, 0.6), (balanced, 0.7, 1.0)):
        network, linear, commonest = scores_in(out, "balanced accuracy")
        assert least <= network <= most
        assert least <= linear <= most
        assert commonest == 0.5
    assert "no better than the commonest class" in plain
    assert "With --balanced, rare classes count as much" in plain
    # It is right less often, and better nevertheless.
    assert scores_in(balanced, "accuracy")[0] < scores_in(balanced, "accuracy")[2]
    assert "no better" not in balanced
    assert "each class counts as much as any other, also in the validation loss" in balanced
    assert "each class counts as much" in Path("model.html").read_text()


@pytest.mark.parametrize("rows", [150, network.FOLD_ROWS + 50])
def test_rows_weigh_what_scikit_learn_says_in_validation_too(monkeypatch, rows):
    rng = np.random.default_rng(0)
    labels = rng.choice(3, rows, p=[0.8, 0.15, 0.05])
    x = np.column_stack([np.arange(rows), rng.normal(size=rows)]).astype(np.float32)
    calls = []

    def fit(self, x, y, *, sample_weights, validation_data, **options):
        calls.append((x, sample_weights))
        calls.extend([(validation_data[0], validation_data[2])] if validation_data else [])
        return real(self, x, y, sample_weights=sample_weights, validation_data=validation_data,
                    **options)  # fmt: skip

    real = nn.Sequential.fit
    monkeypatch.setattr(nn.Sequential, "fit", fit)
    settings = network.Settings(epochs=1, hidden=(4,), balanced=True, executor="numpy")
    result = network.trained(x, labels, 3, settings)
    weights = compute_sample_weight("balanced", labels)
    assert sum(len(given) for given, _ in calls) == (rows if rows > 2000 else 6 * rows)
    for given, came in calls:
        np.testing.assert_allclose(came, weights[given[:, 0].astype(int)])
    assert len(result.validated) == (1 if rows > 2000 else 5)


def test_equally_many_rows_of_each_class():
    labels = np.random.default_rng(0).choice(4, 1000, p=[0.9, 0.05, 0.03, 0.02])
    chosen = splitting.equally_many(labels)
    assert np.bincount(labels[chosen]).tolist() == [250] * 4
    for label, count in enumerate(np.bincount(labels)):
        own = chosen[labels[chosen] == label]
        assert len(np.unique(own)) == min(count, 250)


def test_the_remedy_for_rare_classes_is_an_option_and_not_named_once_taken(run):
    frame = frauds(600, 0.02)
    frame.to_csv("data.csv", index=False)
    arguments = ("train", "data.csv", "--target", "fraud", *QUICK)
    out = run(*arguments)
    assert "times as many" in out
    assert "--balanced; a look at balanced accuracy" in out
    assert "class_weights" not in out
    assert "times as many" not in run(*arguments, "--balanced")


def test_numbers_are_not_balanced(run):
    frame = flowers().drop(columns="species")
    said = refused(run, frame, "--target", "length", "--balanced")
    assert "Only classes can be balanced" in said
    assert "--task classification" in said


# -- interrupts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "what"), [(2, "fold 1 of 5"), (5, "fold 2 of 5"), (17, "all rows")]
)
def test_an_interrupt_keeps_the_best_so_far(run, monkeypatch, after, what):
    flowers().to_csv("data.csv", index=False)
    count = 0
    told = network._Watching.on_epoch_end

    def on_epoch_end(self, run):
        nonlocal count
        told(self, run)
        count += 1
        if count == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(network._Watching, "on_epoch_end", on_epoch_end)
    out = run("train", "data.csv", "--target", "species", *QUICK, status=130)
    assert f"{what}, after {(after - 1) % 3 + 1} epoch" in out
    assert "the best so far is kept" in out
    assert "wrote model.safetensors" in out
    run("predict", "model.safetensors", "data.csv")


def test_an_interrupt_before_anything_is_learned_writes_nothing(run, monkeypatch, capsys):
    def fit(*arguments, **options):
        raise KeyboardInterrupt

    flowers().to_csv("data.csv", index=False)
    monkeypatch.setattr(nn.Sequential, "fit", fit)
    assert main(["train", "data.csv", "--target", "species"]) == 130
    assert "nothing is written" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["data.csv"]


def test_what_is_there_is_replaced_as_a_whole(run):
    flowers().to_csv("data.csv", index=False)
    for name in ("model.safetensors", "model.html"):
        Path(name).write_text("old")
    run("train", "data.csv", "--target", "species", *QUICK)
    assert files.load("model.safetensors")
    assert sorted(path.name for path in Path().iterdir()) == [
        "data.csv",
        "model.html",
        "model.safetensors",
    ]


# -- predict -----------------------------------------------------------------------------


def test_missing_columns_are_refused_with_near_names(run, trained):
    flowers().rename(columns={"width": "widht"}).drop(columns="color").to_csv("new.csv")
    said = run("predict", "model.safetensors", "new.csv", "-o", "out.csv", status=2)
    assert "lacks 2 of the 3 columns" in said
    assert "'width' (is it 'widht'?), 'color'" in said
    assert not Path("out.csv").exists()


def test_models_of_others_are_refused(run, trained):
    Path("other.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    assert "other.safetensors" in run("predict", "other.safetensors", "data.csv", status=2)
    assert "data.csv" in run("predict", "data.csv", "data.csv", status=2)
    plain = nn.Sequential(nn.Dense(2))
    plain.initialise((3,))
    files.save(plain, "plain.safetensors")
    assert "knows no columns" in run("predict", "plain.safetensors", "data.csv", status=2)


def changed(document, *path):
    document = json.loads(json.dumps(document))
    *above, last, value = path
    place = document
    for key in above:
        place = place[key]
    place[last] = value
    return document


@pytest.mark.parametrize(
    "change",
    [
        ("version", 2),
        ("target", None),
        ("target", "task", "clustering"),
        ("target", "classes", ["rose", "iris"]),
        ("target", "classes", [1, 2, 3]),
        ("target", "mean", "0"),
        ("columns", {}),
        ("columns", 0, "kind", "__import__"),
        ("columns", 0, "form", "%d"),
        ("columns", 0, "name", 7),
        ("columns", []),
        ("preparation", "numbers", 0, "scale", 0.0),
        ("preparation", "numbers", 0, "fill", None),
        ("preparation", "numbers", 0, "more", 1),
        ("preparation", "words", 0, "categories", ["a"]),
        ("preparation", "words", 0, "categories", [["a"]]),
        ("preparation", "words", None),
    ],
)
def test_documents_that_are_none_are_refused(trained, change):
    made = files.load("model.safetensors")
    document = changed(made.extra["tabular"], *change)
    files.save(made, "changed.safetensors", extra={"tabular": document})
    with pytest.raises(ArgumentError):
        Predictor.load("changed.safetensors")


def test_what_is_read_again_predicts_the_same(trained):
    table = read_table("data.csv")
    made = Predictor.load("model.safetensors")
    first = made.predict(table)
    made.save("again.safetensors")
    second = Predictor.load("again.safetensors").predict(table)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_the_command_line_starts_without_the_libraries_of_tables():
    code = (
        "import sys, chainrule.cli\n"
        "try: chainrule.cli.main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'pandas', 'sklearn', 'pyarrow', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_predicting_needs_no_scikit_learn(trained):
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from chainrule.cli import main\n"
        "sys.exit(main(['predict', 'model.safetensors', 'data.csv']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("species\n")


def test_a_missing_library_is_named_with_the_extra(run, monkeypatch):
    flowers().to_csv("data.csv", index=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    said = run("train", "data.csv", "--target", "species", status=2)
    assert "Tables need scikit-learn" in said
    assert "pip install 'chainrule[train]'" in said


# -- what is drawn -----------------------------------------------------------------------


def test_a_terminal_gets_right_and_wrong_in_colour():
    lines = ["true \\ predicted  12  b", "12                 3  1", "b                  0  9"]
    styled = [
        screen._styled(f"  {line}", screen.CONFUSION, row, len(lines))
        for row, line in enumerate(lines, 1)
    ]
    found = [[(line.plain[s.start : s.end], s.style) for s in line.spans] for line in styled]
    assert found == [[], [("3", "green"), ("1", "red")], [("9", "green")]]


@pytest.mark.parametrize("curve", [[1.0], [2.0, 2.0], [0.0, 0.0], [1e-9, 1e9], [np.nan, 3.0, 1.0]])
def test_curves_stay_within_their_chart(curve):
    svg = charts.curves("loss", {"training": [curve]}, mark=1)
    at = [float(v) for pair in re.findall(r'points="([^"]*)"', svg) for v in re.split("[ ,]", pair)]
    assert len(at) == 2 * np.isfinite(curve).sum()
    assert min(at) >= 0
    assert max(at[0::2]) <= charts._WIDTH
    assert max(at[1::2]) <= charts._HEIGHT
    assert "nan" not in svg
    assert charts.curves("loss", {"training": [[np.nan]], "validation": []}) == ""
