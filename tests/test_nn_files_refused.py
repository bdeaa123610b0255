"""Files that are not what is asked for, and paths that are none."""

import os
import subprocess
import sys

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ArgumentError, FileError, MissingExtraError, MissingFileError
from chainrule.nn import files
from chainrule.nn.files import container
from tests.test_nn_files import trained


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.safetensors"


class TestRefused:
    def test_a_file_of_a_newer_version(self, path, monkeypatch):
        monkeypatch.setattr(container, "FORMAT", 2)
        files.save_checkpoint(path, [1])
        monkeypatch.undo()
        with pytest.raises(FileError, match=r"format 2, by a newer version") as caught:
            files.load_checkpoint(path)
        assert "pip install --upgrade chainrule" in str(caught.value)
        assert "format 1, which this version reads" in str(caught.value)

    def test_a_file_of_another_kind(self, path):
        files.save_checkpoint(path, [1])
        with pytest.raises(FileError, match=r"is not the file of a model"):
            files.load(path)
        files.save(trained(nn.Dense(1)), path)
        with pytest.raises(FileError, match=r"is not the file of a checkpoint"):
            files.load_checkpoint(path)

    def test_files_of_other_programs(self, path):
        import pickle

        from safetensors.numpy import save

        others = [
            b"PK\x03\x04" + b"\0" * 60, b"\x89HDF\r\n\x1a\n" + b"\0" * 60, b"\x93NUMPY" + b" " * 90,
            pickle.dumps({"a": np.ones(9)}), b'{"layers": []}' * 9, b"GGUF\3\0\0\0" + b"\0" * 90,
            save({"a": np.ones(3, np.float32)}), save({}, {"format": "pt"}),
        ]  # fmt: skip
        for data in others:
            path.write_bytes(data)
            with pytest.raises(FileError, match=r"was not written by chainrule"):
                files.load(path)

    def test_paths_that_are_none(self, tmp_path):
        with pytest.raises(MissingFileError, match=r"No such file"):
            files.load(tmp_path / "none")
        with pytest.raises(FileNotFoundError):
            files.load_checkpoint(tmp_path / "none" / "none")
        with pytest.raises(FileError, match=r"Is a directory"):
            files.load(tmp_path)
        for none in (None, 3, "", "a\0b", b""):
            with pytest.raises(ArgumentError, match=r"named by a path"):
                files.load(none)
        for empty in (b"", b"\0" * 7):
            (tmp_path / "short").write_bytes(empty)
            with pytest.raises(FileError, match=r"ends too early"):
                files.load(tmp_path / "short")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
    def test_what_is_no_regular_file_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for odd in (tmp_path / "pipe", "/dev/zero"):
            with pytest.raises(FileError, match=r"is no file"):
                files.load(odd)

    def test_without_safetensors(self, path, monkeypatch):
        files.save_checkpoint(path, [np.ones(1)])
        monkeypatch.setitem(sys.modules, "safetensors", None)
        for call in (files.load_checkpoint, lambda p: files.save_checkpoint(p, [])):
            with pytest.raises(MissingExtraError, match=r"chainrule\[train\]"):
                call(path)


def test_importing_needs_numpy_alone():
    code = "import sys, chainrule.nn.files; print('safetensors' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
