import json

import numpy as np
import pytest

from chainrule.lab.playground import table
from chainrule.lab.playground.config import Config, checked
from chainrule.lab.playground.fields import FieldsError
from chainrule.lab.playground.points import GENERATORS, generated

CSV = "height,weight,kind,note\n" + "".join(
    f"{i % 7},{i % 5 + (i % 2) * 3},{'ab'[i % 2]},<script>alert({i})</script>\n" for i in range(40)
)
CHOSEN = {"text": CSV, "x": "height", "y": "weight", "target": "kind"}


def refused(given, read=checked):
    with pytest.raises(FieldsError) as caught:
        read(given)
    return {e["field"]: e["message"] for e in caught.value.errors}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_gives_what_it_is_asked_for(name):
    points = generated(name, 101, 0.2, 0.25, seed=5)
    classes = GENERATORS[name][1]
    assert points.x.shape == (101, 2)
    assert points.x.dtype == np.float32
    assert sorted(set(points.labels.tolist())) == list(range(classes))
    assert points.trained == 101 - 25
    assert np.abs(points.x).max() < points.reach
    again = generated(name, 101, 0.2, 0.25, seed=5)
    assert np.array_equal(points.x, again.x)
    assert np.array_equal(points.labels, again.labels)
    assert not np.array_equal(points.x, generated(name, 101, 0.2, 0.25, seed=6).x)


@pytest.mark.parametrize("name", GENERATORS)
def test_noise_moves_samples_and_its_absence_separates_classes(name):
    calm, wild = (generated(name, 300, noise, 0, seed=0) for noise in (0.0, 1.0))
    assert wild.x.std() > calm.x.std()
    # Of samples without noise the nearest other one is of the same class.
    distances = np.linalg.norm(calm.x[:, None] - calm.x[None], axis=2) + 1e9 * np.eye(300)
    assert np.mean(calm.labels[distances.argmin(axis=1)] == calm.labels) > 0.95


def test_a_configuration_survives_json():
    given = Config(data="xor", layers=(3, 4, 5), l2=0.01, dropout=0.2, seed=7)
    assert checked(json.loads(json.dumps(given.to_dict()))) == given
    with_table = checked({"data": "table", "table": CHOSEN})
    assert checked(json.loads(json.dumps(with_table.to_dict()))) == with_table


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data", "mnist"), ("data", 3), ("samples", 9), ("samples", 10**9), ("samples", 100.0),
        ("samples", True), ("noise", -0.1), ("noise", float("nan")), ("noise", "0"),
        ("validation", 1), ("layers", [0]), ("layers", [8] * 7), ("layers", "8"), ("layers", [8.0]),
        ("layers", [10**9]), ("layers", {"0": 8}), ("activation", "__class__"),
        ("optimizer", ["adam"]), ("rate", float("inf")), ("rate", None), ("rate", 10**400),
        ("batch", 0), ("l2", -1), ("dropout", 1), ("seed", -1), ("seed", 2**31), ("seed", "1"),
    ],
)  # fmt: skip
def test_each_wrong_field_gets_its_message(field, value):
    errors = refused({field: value})
    (told,) = errors
    assert told in (field, f"{field}.0")  # of layers, each has its own
    assert "needed" in errors[told]
    assert len(errors[told]) < 200


def test_each_layer_gets_its_message():
    errors = refused({"layers": [8, 25, "", 8]})
    assert errors == {
        "layers.1": "A width from 1 to 24 is needed for layer 2, not 25.",
        "layers.2": "A width from 1 to 24 is needed for layer 3.",
    }


def test_all_wrong_fields_are_told_at_once_and_unknown_ones_too():
    assert set(refused({"rate": "x", "batch": 0, "<img>": 1})) == {"rate", "batch", "<img>"}
    assert "config" in refused([1, 2])
    assert "config" in refused(None)


def test_a_table_gives_points_in_its_own_units():
    points = checked({"data": "table", "table": CHOSEN}).points()
    assert points.classes == ("a", "b")
    assert points.axes == ("height", "weight")
    columns = np.array([line.split(",")[:2] for line in CSV.splitlines()[1:]], float)
    back = points.x * points.spread + points.centre
    assert np.allclose(np.sort(back, axis=0), np.sort(columns, axis=0), atol=1e-5)


def test_a_table_as_europe_writes_it():
    read = table.read("\ufeffHöhe;Breite;Art\r\n1,5;-2,25;a\r\n3;4,5;b\r\n\r\n")
    assert read.rows == [["1.5", "-2.25", "a"], ["3", "4.5", "b"]]
    points = table.points(read, "Höhe", "Breite", "Art", 0.0, seed=0)
    assert points.centre == (2.25, 1.125)


def test_cells_with_script_are_text():
    names = table.read("<b>x</b>,y,<img src=x onerror=alert(1)>\n1,2,<i>\n3,5,&amp;\n")
    points = table.points(names, "<b>x</b>", "y", names.names[2], 0.0, seed=0)
    assert points.classes == ("&amp;", "<i>")


ROWS = "".join(f"{i},{i % 9},{(i * i) % 7},{'ab'[i % 2]}\n" for i in range(30))


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("id,x,y,kind\n" + ROWS, ("x", "y", "kind")),  # what numbers the rows says nothing
        ("id,kind\n" + ROWS.replace(",a", "").replace(",b", ""), None),
        (ROWS, ("column 2", "column 3", "column 4")),  # without names
        ("\n;;;\nx;y;k\n1;2;a\n2;5;b\n", ("x", "y", "k")),
        ("sep=|\r\nx|y|k\r\n1|2|a\r\n2|5|b\r\n", ("x", "y", "k")),
        ("2019,2020,kind\n1,2,a\n2,5,b\n", ("2019", "2020", "kind")),  # years are names
        ("x,y,k\n1,2,0\n2,3,1\n4,5,0\n", ("x", "y", "k")),
    ],
)
def test_what_people_paste(text, chosen):
    try:
        found = table.read(text).summary()["chosen"]
    except FieldsError:
        found = None
    assert found == (chosen and dict(zip(("x", "y", "target"), chosen, strict=True)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('x,y,k\n"1,000",2,a\n"2,000",1,b', ["two columns of numbers", "'y' alone", "'1,000'"]),
        ("a,b,c\nx,y,z\nu,v,w", ["there is none", "'a' has 'x' in row 2 and 1 more"]),
        ("x,y,k\n\n1,2,a\n,3,b\n4,5,a", ["'x' has an empty cell in row 4"]),
        ("x,y,k\n" + "".join(f"{i},{-i},{i}\n" for i in range(9)), ["2 to 6", "nearest, has 9"]),
        ("x,y,k\n1,2,a\n2,3,a\n4,3,a", ["three different columns", "'k' has one value"]),
    ],
)
def test_a_table_of_which_no_columns_serve_says_what_is_lacking(text, words):
    found = table.read(text).summary()
    assert found["chosen"] is None
    for word in words:
        assert word in found["lacking"] or word.capitalize() in found["lacking"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": ""}, "table"), ({"text": "a,b,c\n"}, "table"), ({"text": "a,b\n1,2\n"}, "table"),
        ({"text": "a,b,c\n1,2\n"}, "table"), ({"text": "a,a,c\n1,2,3\n"}, "table"),
        ({"text": "a,,c\n1,2,3\n"}, "table"), ({"text": 'a,b,c\n1,"2,3\n'}, "table"),
        ({"text": "a,b,c\n1,\0,3\n"}, "table"), ({"text": "x" * 300_000}, "table.text"),
        ({"text": "a,b,c\n" + "1,2,3\n" * 2001}, "table"),
        ({"text": 3}, "table.text"), ({"x": "depth"}, "table.x"), ({"x": "note"}, "table.x"),
        ({"y": "height"}, "table.y"), ({"target": "note"}, "table.target"), ({"z": 1}, "table.z"),
        ({"text": "height,weight,kind\n1,2,a\n1,3,b\n"}, "table.x"),
        ({"text": "height,weight,kind\nnan,2,a\n1,3,b\n"}, "table.x"),
        ({"text": "height,weight,kind\n1,1e300,a\n2,3,b\n"}, "table.y"),
        ({"text": "height,weight,kind\n1,2,a\n2,3,a\n"}, "table.target"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_serve_says_why(change, field):
    errors = refused({"data": "table", "table": CHOSEN | change})
    assert list(errors) == [field]
    assert len(errors[field]) < 250


def test_a_table_is_needed_where_it_is_chosen():
    assert list(refused({"data": "table"})) == ["table"]
    assert list(refused({"data": "table", "table": "a,b"})) == ["table"]
