"""Tables: read, taken apart into columns, prepared as scikit-learn does it, split and scored."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from chainrule.errors import ArgumentError
from chainrule.tabular import columns, dates, leaks, reading, scoring, splitting, target, values
from chainrule.tabular.cleaning import cleaned
from chainrule.tabular.learning import frame_of, learned, pipeline
from chainrule.tabular.preparation import Preparation
from chainrule.tabular.reading import check_names, delimiter_of, read_table


@pytest.fixture
def read(tmp_path):
    def call(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path)

    return call


@pytest.fixture
def refused(read):
    def call(content, name="data.csv"):
        with pytest.raises(ArgumentError) as caught:
            read(content, name)
        return str(caught.value)

    return call


def gzipped(data):
    """Pack bytes, the same each time: they become the names of tests."""
    return gzip.compress(data, mtime=0)


def cells(table):
    return [[None if pd.isna(c) else c for c in row] for row in table.frame.to_numpy(object)]


# -- reading -----------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_with_quotes_and_line_ends(read, delimiter):
    text = f'a{delimiter}b{delimiter}c\r\n1{delimiter} "x{delimiter}y" {delimiter}?\r\n\r\n'
    text += f'2{delimiter}"one\r\ntwo"{delimiter}NA\r\n'
    table = read(text.replace(' "', '"').replace('" ', '"'))
    assert list(table.frame.columns) == ["a", "b", "c"]
    assert cells(table) == [["1", f"x{delimiter}y", None], ["2", "one\ntwo", None]]


def test_a_delimiter_in_text_is_not_taken_for_one(read):
    assert delimiter_of("a;b\n1,5;2,5\n3,5;4,5\n") == ";"
    assert cells(read("a\tb\nx, y\tz; w\n"))[0] == ["x, y", "z; w"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(read, encoding):
    table = read("città,größe\nForlì,1\n".encode(encoding))
    assert list(table.frame.columns) == ["città", "größe"]
    assert bool(table.notes) == (encoding == "cp1252")


def test_missing_words_and_missing_names(read):
    table = read("a,,b\n1,NaN,null\n NA , ,-\n")
    assert cells(table) == [["1", None, None], [None, None, None]]
    assert list(table.frame.columns) == ["a", "column 2", "b"]
    assert "1 column has no name" in table.notes[0]


def test_what_gzip_packed_is_read_like_the_file_itself(read, tmp_path):
    text = "città;größe\nForlì;1,5\n".encode()
    packed = read(gzipped(text[:9]) + gzipped(text[9:]), "data.csv.gz")
    assert packed.name == "data.csv.gz"
    pd.testing.assert_frame_equal(packed.frame, read(text).frame)
    path = tmp_path / "data.parquet"
    packed.frame.to_parquet(path)
    pd.testing.assert_frame_equal(read(gzipped(path.read_bytes())).frame, packed.frame)


def test_more_than_memory_should_hold_is_not_unpacked(refused, monkeypatch):
    monkeypatch.setattr(reading, "_UNPACKED", 10**6)
    said = refused(gzipped(b"a,b\n" + b"0,0\n" * 10**6))
    assert "too much to unpack" in said
    assert "gunzip it first" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzipped(b"a,b\n1,2\n")[:-9], "no whole file of gzip"),
        (gzipped(b"a,b\n1,2\n")[:-8] + b"12345678", "no whole file of gzip"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 40, "no whole file of gzip"),
        (b"\x1f\x8b", "no whole file of gzip"),
        (gzipped(gzipped(b"a,b\n1,2\n")), "compressed twice"),
        (gzipped(b""), "is empty"),
        (gzipped(b"PK\x03\x04...."), "save it as CSV"),
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("a,b,c\n", "has no rows"),
        (b"PK\x03\x04....", "save it as CSV"),
        (b"\x00\x01\x02", "a byte 0 at position 0"),
        ("<!DOCTYPE html><html></html>", "page of HTML"),
        ("\n <html><body>", "page of HTML"),
        ("a,b\n1,2\n1,2,3\n", "Line 3 of data.csv has more cells"),
        (b"a,b\n\x81,2\n", "encoding that is not known"),
        (b"\xff\xfea", "begins like UTF-16"),
        (b"PAR1 and then nothing", "no whole Parquet file"),
        ('a,b\n"1,2\n', "no table"),
    ],
)
def test_what_is_no_table_is_refused(refused, content, said):
    assert said in refused(content)


def test_names_that_are_there_twice_are_refused_unless_they_are_ignored(read):
    table = read("a,b,a\n1,2,3\n")
    with pytest.raises(ArgumentError, match="'a' as columns 1, 3"):
        check_names(table)
    check_names(table, frozenset("a"))


def test_parquet_with_odd_types(tmp_path):
    import datetime
    import decimal

    path = tmp_path / "odd.parquet"
    day = datetime.date(2024, 2, 29)
    made = pa.table({
        "decimal": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(5, 2)),
        "list": pa.array([[1], [2, 3]]),
        "struct": pa.array([{"a": 1}, {"a": 2}]),
        "bytes": pa.array([b"x", b"y"]),
        "day": pa.array([day, None]),
        "zoned": pa.array([datetime.datetime(2024, 1, 1), None], pa.timestamp("us", tz="CET")),
        "words": pa.array(["x", "?"]).dictionary_encode(),
        "flag": pa.array([True, None]),
        "whole": pa.array([1, None], pa.int64()),
        "nothing": pa.nulls(2),
        "lasting": pa.array([datetime.timedelta(seconds=90), None]),
        "__index_level_0__": pa.array([5, 6]),
    })  # fmt: skip
    pq.write_table(made, path)
    table = read_table(path)
    assert set(table.unusable) == {"list", "struct", "bytes"}
    assert "list<" in table.unusable["list"]
    assert any("decimals" in note for note in table.notes)
    assert any("UTC" in note for note in table.notes)
    frame = table.frame
    assert "__index_level_0__" not in frame
    assert values.numbers(frame["decimal"])[0] == 1.5
    assert values.numbers(frame["whole"]).tolist()[0] == 1
    assert values.numbers(frame["lasting"])[0] == 90
    assert np.isnan(values.numbers(frame["whole"])[1])
    assert values.booleans(frame["flag"])[0] == 1
    assert values.words(frame["words"]).tolist() == ["x", None]
    assert dates.parts(frame["day"], "iso")[0].tolist() == [19782, 2, 3, 0]
    assert dates.parts(frame["zoned"], "iso")[0, 0] == 19723
    assert frame["nothing"].isna().all()


# -- columns -----------------------------------------------------------------------------

N = 60


def kind_of(cells, name="x", rows=None):
    frame = pd.DataFrame({name: pd.Series(list(cells), dtype="str")})
    return columns.worked_out(frame, {}, {})[0]


RNG = np.random.default_rng(0)
NUMBERS = [f"{x:.3f}" for x in RNG.normal(size=N)]


@pytest.mark.parametrize(
    ("cells", "kind", "why"),
    [
        (NUMBERS, "numeric", ""),
        ([*NUMBERS[:-3], "many", None, "inf"], "numeric", ""),
        ([x.replace(".", ",") for x in NUMBERS], "numeric", ""),
        (["1,234.5", "2,000"] * 30, "numeric", ""),
        (["$1,234.5", "-$2", "$ 12"] * 20, "numeric", ""),
        ([f"{x} %" for x in NUMBERS], "numeric", ""),
        (["1.234,50 €", "3,5€", None] * 20, "numeric", ""),
        (["5%x", "%", "$", "US$"] * 15, "categorical", ""),
        (["red", "green", None] * 20, "categorical", ""),
        (["1", "2", "few", "some"] * 15, "categorical", ""),
        (["Yes", "no", None] * 20, "boolean", ""),
        (["true", "no"] * 30, "categorical", ""),
        ([f"2024-01-{d:02}" for d in range(1, 31)] * 2, "date", ""),
        ([f"{d:02}.03.2024" for d in range(1, 31)] * 2, "date", ""),
        ([f"{d:02}/{d:02}/2024" for d in range(1, 13)] * 5, "date", "day or month first"),
        (["7"] * N, "", "one value"),
        ([None] * N, "", "no values"),
        ([str(i) for i in range(N)], "", "identifier"),
        ([f"user-{i * 7919}" for i in range(N)], "", "identifier"),
        ([f"a text about {i} and more" for i in range(N)], "", "free text"),
        ([f"v{i // 1.5}" for i in range(N)], "", "different values"),
        (["x" * 5000, "y"] * 30, "", "free text"),
        (["inf", "-inf"] * 30, "", "no finite"),
    ],
)
def test_kinds_of_columns(cells, kind, why):
    column = kind_of(cells)
    assert (column.kind, why in column.why) == (kind, True), column


@pytest.mark.parametrize("dtype", ["str", "string[python]", object])
def test_signs_of_currencies_and_hundredths_are_left_off(dtype):
    cells = pd.Series(["$1,234.50", "-$3", "5 €", "12.5 %", "7", None, "$", "%"], dtype=dtype)
    expected = [1234.5, -3.0, 5.0, 12.5, 7.0, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(values.numbers(cells), expected)
    german = pd.Series(["1.234,50 €", "3,5 %"], dtype=dtype)
    assert values.decimal_of(german) == ","
    np.testing.assert_array_equal(values.numbers(german, ","), [1234.5, 3.5])


def test_whole_numbers_of_their_own_are_identifiers_by_their_name_only():
    shuffled = [str(i * 37) for i in RNG.permutation(N)]
    assert kind_of(shuffled, "height").kind == "numeric"
    assert "identifier" in kind_of(shuffled, "customer_id").why
    assert kind_of(shuffled, "humid").kind == "numeric"


def test_what_a_user_says_of_a_column_holds():
    frame = pd.DataFrame({"a": ["1", "2"] * 30, "b": [str(i) for i in range(60)], "c": ["x"] * 60},
                         dtype="str")  # fmt: skip
    found = columns.worked_out(frame, {}, {"a": "categorical", "b": "numeric", "c": "ignore"})
    assert [column.kind for column in found] == ["categorical", "numeric", ""]
    with pytest.raises(ArgumentError, match="none of its values is a number"):
        columns.worked_out(frame, {}, {"c": "numeric"})


def test_a_file_of_text_and_one_of_types_give_the_same():
    typed = pd.DataFrame({
        "n": [1.5, np.nan, -2.0] * 20, "w": ["a", None, "b"] * 20,
        "t": pd.to_datetime(["2024-01-01 06:00", None, "2024-05-05 00:00"] * 20),
        "b": [True, False, True] * 20,
    })  # fmt: skip
    text = pd.DataFrame({
        "n": ["1.5", None, "-2"] * 20, "w": ["a", None, "b"] * 20,
        "t": ["2024-01-01 06:00", None, "2024-05-05"] * 20, "b": ["True", "False", "True"] * 20,
    }, dtype="str")  # fmt: skip
    found = columns.worked_out(text, {}, {})
    assert [c.kind for c in found] == ["numeric", "categorical", "date", "boolean"]
    one, other = cleaned(typed, found), cleaned(text, found)
    np.testing.assert_array_equal(one.numbers, other.numbers)
    np.testing.assert_array_equal(one.words, other.words)
    assert [c.kind for c in columns.worked_out(typed, {}, {})] == [c.kind for c in found]


def test_cells_that_cannot_be_read_are_counted():
    frame = pd.DataFrame({"x": [*NUMBERS[:-4], "inf", "-inf", "none\x1b[31m" + "y" * 99, None]},
                         dtype="str")  # fmt: skip
    clean = cleaned(frame, columns.worked_out(frame, {}, {}))
    assert np.isnan(clean.numbers[-4:]).all()
    assert [note[:30] for note in clean.notes] == [
        "x: 1 value is no number, such ",
        "x: 2 infinite values: taken as",
    ]
    assert "\x1b" not in clean.notes[0]
    assert len(clean.notes[0]) < 100


# -- preparation -------------------------------------------------------------------------


def mixed(rows, seed):
    rng = np.random.default_rng(seed)
    city = rng.choice(["A", "B", "C", "D", "E", "F"], rows, p=[0.4, 0.3, 0.2, 0.09, 0.005, 0.005])
    frame = pd.DataFrame({
        "first": rng.choice(["yes", "no"], rows),
        "size": rng.normal(5, 3, rows).round(4).astype(str),
        "city": city,
        "start": [f"2024-{m:02}-11" for m in rng.integers(1, 13, rows)],
        "color": rng.choice(["red", "blue"], rows),
        "count": rng.integers(0, 99, rows).astype(str),
        "flag": rng.choice(["true", "false"], rows),
    }, dtype="str")  # fmt: skip
    for name in ("size", "city", "start", "flag"):
        frame.loc[rng.random(rows) < 0.1, name] = None
    return frame


def test_preparation_equals_scikit_learns_pipeline():
    train, new = mixed(400, 0), mixed(300, 1)
    train.loc[:1, "city"] = ["E", "G"]
    new.loc[:9, "city"] = "Z"
    new.loc[:9, "color"] = "green"
    new.loc[10:19, ["count", "color", "first"]] = None
    found = columns.worked_out(train, {}, {})
    clean = cleaned(train, found)
    transformer, preparation = pipeline(found, clean), learned(found, clean)
    assert any(word.rare for word in preparation.words)
    for part in (clean, cleaned(new, found)):
        want = transformer.transform(frame_of(part)).astype(np.float32)
        np.testing.assert_array_equal(preparation.transform(part), want)
        assert want.shape[1] == len(preparation.names)
    notes = preparation.unseen(cleaned(new, found))
    assert len(notes) == 2
    assert "city: 10 rows have" in notes[0]
    assert "as a rare one" in notes[0]
    assert "(green): taken as none of those known" in notes[1]


def test_a_preparation_survives_json_to_the_bit():
    import json

    found = columns.worked_out(mixed(200, 3), {}, {})
    clean = cleaned(mixed(200, 3), found)
    preparation = learned(found, clean)
    again = Preparation.of(json.loads(json.dumps(preparation.document())))
    assert again == preparation
    assert tuple(columns.Column.of(json.loads(json.dumps(c.document()))) for c in found) == found


def test_a_column_of_one_value_beside_missing_ones_is_kept():
    frame = pd.DataFrame({"x": ["3", None] * 30, "y": ["a", None] * 30}, dtype="str")
    found = columns.worked_out(frame, {}, {})
    x = learned(found, clean := cleaned(frame, found)).transform(clean)
    assert np.isfinite(x).all()
    assert len(np.unique(x[:, 1])) == 2


# -- target ------------------------------------------------------------------------------


def worked_out(cells, task=None, dtype="str"):
    return target.worked_out("y", pd.Series(cells, dtype=dtype), task)


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["a", "b"] * 10, "classification", ("a", "b")),
        (["yes", "no"] * 10, "classification", ("no", "yes")),
        (["10", "9", "2"] * 10, "classification", ("2", "9", "10")),
        (["1.0", "2.0"] * 10, "classification", ("1", "2")),
        ([str(i) for i in range(100)], "regression", ()),
        (["1.5", "2.5", "0.5"] * 10, "regression", ()),
    ],
)
def test_the_task_is_worked_out(cells, task, classes):
    found, known, notes = worked_out(cells)
    assert (found.task, found.classes, notes) == (task, classes, [])
    assert known.all()


def test_the_user_may_say_the_task():
    assert worked_out(["1", "2", "3"] * 10, "regression")[0].task == "regression"
    assert worked_out(["1.5", "2.5"] * 10, "classification")[0].classes == ("1.5", "2.5")
    with pytest.raises(ArgumentError, match="Regression needs numbers"):
        worked_out(["a", "b"] * 10, "regression")


def test_rows_without_a_target_are_left_out_and_told():
    _, known, notes = worked_out([*NUMBERS, None, None, "inf", "many"])
    assert known.sum() == N
    assert notes == [
        "2 rows without a value of y: left out.",
        "2 rows whose y is no finite number, such as 'inf': left out.",
    ]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["a"] * 20, "one class"),
        (["a", "b"], "too little"),
        ([None] * 20, "too little"),
        (["1.5"] * 20, "one value"),
        ([f"n{i}" for i in range(50)], "too many classes"),
    ],
)
def test_targets_that_cannot_be_learned(cells, said):
    with pytest.raises(ArgumentError, match=said):
        worked_out(cells)


def test_a_leak_is_found_and_what_merely_helps_is_not():
    y = RNG.integers(0, 3, 200)
    found = target.Target("y", "classification", ("a", "b", "c"))
    noisy = np.where(RNG.random(200) < 0.02, 0, y)
    frame = pd.DataFrame({"same": y * 2, "noisy": noisy, "half": y % 2}).astype(str).astype("str")
    kinds = columns.worked_out(frame, {}, {})
    warned = leaks.leaks(frame, kinds, found, y)
    assert [warning.split()[0] for warning in warned] == ["same"]
    values = RNG.normal(size=200)
    frame = pd.DataFrame({"scaled": 3 * values - 1, "near": values + RNG.normal(0, 0.01, 200)})
    warned = leaks.leaks(frame, columns.worked_out(frame, {}, {}), target.Target("y", "regression"),
                         values)  # fmt: skip
    assert [warning.split()[0] for warning in warned] == ["scaled"]


# -- splitting and scoring ---------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_each_class_is_held_out_in_its_share(share, seed):
    labels = np.repeat([0, 1, 2, 3], [100, 40, 7, 1])
    held = splitting.held_out(labels, len(labels), share, seed)
    assert held.sum() == round(share * len(labels))
    for label, count in enumerate([100, 40, 7, 1]):
        assert abs(held[labels == label].sum() - share * count) <= 1
        assert not held[labels == label].all()
    assert not np.array_equal(held, splitting.held_out(labels, len(labels), share, seed + 100))
    np.testing.assert_array_equal(held, splitting.held_out(labels, len(labels), share, seed))


def test_some_row_is_held_out_and_some_is_not():
    assert splitting.held_out(None, 2, 0.01, 0).sum() == 1
    assert splitting.held_out(None, 2, 0.99, 0).sum() == 1
    labels = np.array([0] * 9 + [1] * 2)
    fold = splitting.folds(labels, 11, 5, 0)
    assert sorted(np.bincount(fold)) == [2, 2, 2, 2, 3]
    assert len(set(fold[labels == 1])) == 2


def test_scores_equal_scikit_learns():
    labels = RNG.integers(0, 4, 300)
    logits = RNG.normal(size=(300, 4)) + 2 * np.eye(4)[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    got = scoring.of_classes(labels, p)
    want = [
        metrics.accuracy_score(labels, p.argmax(1)),
        metrics.balanced_accuracy_score(labels, p.argmax(1)),
        metrics.log_loss(labels, p),
    ]
    np.testing.assert_allclose(list(got.values()), want, rtol=1e-12)
    np.testing.assert_array_equal(
        scoring.confusion(labels, p.argmax(1), 4), metrics.confusion_matrix(labels, p.argmax(1))
    )
    y, predicted = RNG.normal(size=300), RNG.normal(size=300)
    want = [
        metrics.r2_score(y, predicted),
        metrics.mean_absolute_error(y, predicted),
        metrics.root_mean_squared_error(y, predicted),
    ]
    np.testing.assert_allclose(list(scoring.of_values(y, predicted).values()), want, rtol=1e-12)
