"""Pictures as files: PNG, PDF and GIF, from Python and from the command line."""

import io
import os
import sys

import numpy as np
import pytest
from random_scenes import random_scene

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import ArgumentError, MissingExtraError
from chainrule.examples.neuron import neuron
from chainrule.picture import files
from chainrule.picture.animation import _palette
from chainrule.picture.layout import draw
from chainrule.picture.raster import to_bytes
from chainrule.picture.styles import COLOURS

Image = pytest.importorskip("PIL.Image")
STARTS = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".gif": b"GIF89a"}


@pytest.fixture(scope="module")
def solution():
    return cr.explain(neuron, [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_a_solution_is_saved_by_suffix_and_the_same_each_time(tmp_path, suffix):
    solution = cr.explain(lambda w, x: w * x, 2.0, 3.0)
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    assert solution.save(first) == first
    solution.save(str(second))
    assert first.read_bytes().startswith(STARTS[suffix])
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_an_svg_file_is_the_picture(solution, tmp_path):
    assert solution.save(tmp_path / "x.svg").read_text() == solution.svg()


def test_a_png_has_the_size_of_the_svg_and_shows_red_below_black(solution, tmp_path):
    content = solution.save(tmp_path / "x.png").read_bytes()
    image = Image.open(io.BytesIO(content)).convert("RGB")
    width, height = (
        float(v) for v in solution.svg().split('viewBox="0 0 ')[1].split('"')[0].split()
    )
    assert abs(image.width - 2 * width) <= 2
    assert abs(image.height - 2 * height) <= 2
    pixels = np.asarray(image).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 80)
    dark = pixels.max(axis=-1) < 60
    assert red.sum() > 100
    assert dark.sum() > 100
    assert np.nonzero(red)[0].min() > np.nonzero(dark)[0].min()


def test_an_animation_has_a_frame_for_each_step_and_pauses_at_the_end(solution, tmp_path):
    path = solution.animate(tmp_path / "neuron.gif", seconds=0.5)
    image = Image.open(io.BytesIO(path.read_bytes()))
    last = solution.steps[-1].number
    assert image.n_frames == last + 1
    durations, reds = [], []
    for frame in range(image.n_frames):
        image.seek(frame)
        durations.append(image.info["duration"])
        pixels = np.asarray(image.convert("RGB")).astype(int)
        reds.append(int(((pixels[..., 0] > 150) & (pixels[..., 1] < 90)).sum()))
    assert durations == [500] * last + [1500]
    assert reds[0] == 0
    assert reds == sorted(reds)
    assert reds[-1] > 100


def test_an_animation_has_the_colours_of_the_picture(solution, tmp_path):
    image = Image.open(io.BytesIO(solution.animate(tmp_path / "neuron.gif").read_bytes()))
    assert len(_palette()) <= 256
    image.seek(image.n_frames - 1)
    found = {colour for _, colour in image.convert("RGB").getcolors(10**6)}
    for name in ("paper", "gradient", "value", "local", "pill", "wire", "accent"):
        light = COLOURS[name][0]
        assert tuple(int(light[at : at + 2], 16) for at in (1, 3, 5)) in found, name


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e9, "fast", True])
def test_seconds_that_no_frame_can_stay_are_refused(solution, tmp_path, seconds):
    with pytest.raises(ArgumentError, match="cannot be shown for that long"):
        solution.animate(tmp_path / "x.gif", seconds=seconds)
    assert not list(tmp_path.iterdir())


def test_an_animation_has_its_suffix(solution, tmp_path):
    with pytest.raises(ArgumentError, match=r"'\.mp4'"):
        solution.animate(tmp_path / "x.mp4")


def test_letters_of_any_script_are_drawn_or_left_open_without_a_warning():
    for seed in range(0, 40, 8):
        image = Image.open(io.BytesIO(to_bytes(draw(random_scene(seed)), "png", scale=0.5)))
        assert image.width > 20


def test_a_picture_far_too_large_for_a_png_is_scaled_down(monkeypatch):
    monkeypatch.setattr("chainrule.picture.raster._LARGEST", 300)
    drawing = draw(random_scene(4))
    assert max(drawing.width, drawing.height) > 300
    assert max(Image.open(io.BytesIO(to_bytes(drawing, "png"))).size) in (299, 300, 301)


def test_without_matplotlib_the_extra_is_named(solution, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for suffix in (".png", ".pdf", ".gif"):
        with pytest.raises(MissingExtraError, match=r"chainrule\[plot\]"):
            solution.save(tmp_path / f"x{suffix}")
    assert not list(tmp_path.iterdir())
    solution.save(tmp_path / "x.svg")


def test_a_file_is_replaced_as_a_whole(solution, tmp_path, monkeypatch):
    path = tmp_path / "x.svg"
    path.write_text("old")
    path.chmod(0o640)

    def fail(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            solution.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    solution.save(path)
    assert path.read_text().startswith("<svg")
    assert path.stat().st_mode & 0o777 == 0o640


def test_another_suffix_is_refused_with_those_there_are(solution, tmp_path):
    with pytest.raises(ArgumentError, match=r"'.jpg'") as refused:
        solution.save(tmp_path / "x.jpg")
    assert ".svg, .png, .pdf, .gif" in str(refused.value)


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_the_command_line_writes_pictures(tmp_path, capsys, suffix):
    path = tmp_path / f"layer{suffix}"
    main(["explain", "layer", "-o", str(path)])
    assert capsys.readouterr().out == f"wrote {path}\n"
    assert path.read_bytes().startswith(STARTS[suffix])


def test_the_command_line_refuses_a_picture_of_an_answer(tmp_path, capsys):
    assert main(["explain", "neuron", "--why", "w[0]", "-o", str(tmp_path / "x.svg")]) == 2
    assert "answers in text" in capsys.readouterr().err
