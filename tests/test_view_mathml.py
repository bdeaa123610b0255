"""Formulas as MathML: what is written, and the spaces between."""

import xml.etree.ElementTree as ET

import pytest

from chainrule.view.mathml import mathml

THIN = '<mspace width="0.17em"/>'
APPLIED = "<mo>\u2061</mo>"


def text(latex):
    return "".join(ET.fromstring(mathml(latex)).itertext()).replace("\u2061", "")


@pytest.mark.parametrize(
    ("latex", "wanted"),
    [
        ("-0.5", "−0.5"),
        (r"2 \cdot 10^{-8}", "2·10−8"),
        (r"\mathrm{a\_b}", "a_b"),
        (r"\mathrm{d}\mathrm{loss}", "dloss"),
        (r"\mathrm{<b>\lbrace }", "<b>{"),
        (r"\begin{bmatrix} 1 & -2 \\ 3 & 4 \cdot 10^{2} \end{bmatrix}", "[1−234·102]"),
        (r"\frac{\partial y}{\partial z}", "∂y∂z"),
        (r"\begin{cases} a & m \\ b & \text{otherwise} \end{cases}", "{ambotherwise"),
        (r"\sum_{\text{axis 0}} \mathcal{F}\left(x\right)", "∑axis\u00a00ℱ(x)"),
        (r"\left\lfloor \frac{a}{b} \right\rfloor", "⌊ab⌋"),
        (r"\ln \left|\det A\right|", "ln|detA|"),
        (r"\sqrt[3]{x} + \overline{z}", "x3+z¯"),
        ("重 > α", "重>α"),
    ],
)
def test_it_says_what_the_latex_does(latex, wanted):
    assert text(latex) == wanted
    assert "mtext" not in mathml(latex) or r"\text" in latex


@pytest.mark.parametrize(
    "latex", [r"\foo{", r"\left(x", "{x", "x}", r"\frac{a}", r"\begin{bmatrix} 1", "a_", r"\left x"]
)
def test_what_it_cannot_read_is_shown_as_it_is_written(latex):
    assert text(latex) == latex


def test_a_formula_nested_without_end_is_shown_as_it_is_written():
    deep = "{" * 5000 + "x" + "}" * 5000
    assert text(deep) == deep


def test_the_argument_of_a_function_stands_close_in_parentheses_and_apart_without():
    close = mathml(r"\max\left(z, 0\right)")
    assert f'<mi>max</mi>{APPLIED}<mrow><mo form="prefix"' in close
    assert '<mo lspace="0" rspace="0.25em">,</mo>' in close
    assert f"<mi>mean</mi>{THIN}<mn>2.5</mn>" in mathml(r"l = \operatorname{mean} 2.5")
    softmax = mathml(r"\ln \operatorname{softmax}\left(z\right)")
    assert softmax.count(THIN) == 1
    assert f"<mi>softmax</mi>{APPLIED}" in softmax
    assert f"<mn>2</mn>{THIN}<mi>ln</mi>" in mathml(r"2 \ln x")


def test_a_minus_is_a_sign_or_a_difference():
    product = mathml(r"1 \cdot \left(-3\right) = a - 2")
    assert product.count('<mo form="prefix">−</mo>') == 1
    assert "<mi>a</mi><mo>−</mo>" in product


def test_commas_of_subscripts_have_no_space():
    assert 'rspace="0.05em">,' in mathml("w_{0,1}")


def test_fences_grow_around_what_is_high_alone():
    assert 'stretchy="true">(' in mathml(r"\left(\frac{a}{b}\right)")
    assert 'stretchy="false">(' in mathml(r"\left(a_{0} + b\right)")
