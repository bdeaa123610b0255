"""JSON of a sum of many terms grows with the terms, and still has every number once."""

import json

import numpy as np
import pytest
from work import lines

import chainrule as cr


def listed(w):
    total = 0.0
    for x in w:
        total = total + 2.0 * x
    return total


def stacked(w):
    return np.sum(np.stack([1.5 * x for x in w]) ** 2)


def added(w):
    return sum(x * x for x in w)


def indexed(w):
    total = 0.0
    for i in range(len(w)):
        total = total + w[i] * 2.0
    return total


def used_again(w):
    total = 0.0
    for i in range(len(w)):
        total = total + w[0] * float(i)
    return total


SUMS = (listed, stacked, added, indexed, used_again)
EVERY = pytest.mark.parametrize("f", SUMS, ids=lambda f: f.__name__)


def given(f, n):
    numbers = np.arange(n) + 1.0
    return numbers if f in (added, indexed) else list(numbers)


@EVERY
def test_twice_the_terms_are_twice_the_text(f):
    sizes = [len(cr.explain(f, given(f, n)).json()) for n in (200, 400)]
    assert sizes[1] < 2.2 * sizes[0]


@EVERY
def test_four_times_the_terms_are_about_four_times_the_work(f):
    few, many = (lines(cr.explain(f, given(f, n)).json) for n in (100, 400))
    assert many < 5 * few  # quadratic would be 16


def test_what_is_left_out_stands_elsewhere():
    for f in SUMS:
        s = cr.explain(f, given(f, 100))
        rows = json.loads(s.json())["steps"]
        by_number = {row["number"]: row for row in rows if row["number"]}
        for row, step in zip(rows, s.steps, strict=True):
            np.testing.assert_array_equal(read(row["value"]), np.asarray(step.value))
            if step.upstream:
                above = by_number[row["upstream"]["step"]]
                assert above["target"] == row["upstream"]["name"] == step.upstream
                np.testing.assert_array_equal(read(above["value"]), step.upstream_value)
                if np.size(step.upstream_value) <= 64:
                    assert row["upstream"]["value"] == above["value"]
                else:
                    assert row["upstream"]["value"] is None


def read(value):
    if not isinstance(value, dict):
        return np.array(value)
    made = np.zeros(value["shape"])
    for place, number in value["zero_except"]:
        made[tuple(place)] = number
    return made


def test_an_array_that_goes_one_way_is_a_plain_list():
    content = json.loads(cr.explain(lambda w: np.sum(w[3:4] * 2), np.zeros(100)).json())
    (row,) = [row for row in content["steps"] if row["target"] == "dw"]
    assert len(row["value"]) == 100


@pytest.mark.parametrize("n", [12, 13, 40])
def test_the_line_of_many_operands_names_the_first_and_the_last(n):
    for f, short, latex in (
        (added, f"output = t1 + t2 + t3 + … + t{n}", rf"t_{{3}} + \ldots + t_{{{n}}}"),
        (stacked, f"stack([t1, t2, t3, …, t{n}])", rf"t_{{3}},\ \ldots,\ t_{{{n}}}\right]"),
    ):
        s = cr.explain(f, given(f, n))
        through = {step.through.text for step in s.steps if step.through is not None}
        assert any(line.endswith(short) for line in through) == (n > 12)
        assert (latex in s.latex()) == (n > 12)
        # The line itself is whole, where it is computed.
        assert s.text().count(f"t{n // 2 + 1}") > 1
