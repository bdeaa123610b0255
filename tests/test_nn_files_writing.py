"""Whatever happens while a file is written, the path holds the old file or the new one."""

import errno
import io
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import FileError, MissingFileError
from chainrule.nn import files
from chainrule.nn.files import atomic, container, leftovers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and permissions of POSIX")

#: The calls that a save consists of, in the order of their first use.
CALLS = [
    (os, "open"), (io, "FileIO"), (leftovers.fcntl, "flock"), (os, "fstat"), (os, "fchmod"),
    (os, "write"), (os, "fsync"), (os, "replace"),
]  # fmt: skip


def saved(path, number, size=1000):
    files.save_checkpoint(path, {"a": np.full(size, number), "n": number})


def number_in(path):
    """The number of a file that is whole."""
    tree, _ = files.load_checkpoint(path)
    assert np.all(tree["a"] == tree["n"])
    return tree["n"]


def names(directory):
    return sorted(entry.name for entry in Path(directory).iterdir())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


class Faulty:
    """Stands for a function of the system that fails at its n-th call, or later at each."""

    def __init__(self, monkeypatch, module, name, error, at):
        self.real, self.error, self.at, self.calls = getattr(module, name), error, at, 0
        monkeypatch.setattr(module, name, self)

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return self.real(*args, **kwargs)


class TestFailures:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT])
    @pytest.mark.parametrize(("module", "name"), CALLS, ids=[name for _, name in CALLS])
    def test_every_call_that_fails(self, module, name, number, path, monkeypatch):
        saved(path, 1)
        failures = 0
        for at in range(1, 10):
            faulty = Faulty(monkeypatch, module, name, OSError(number, os.strerror(number)), at)
            error = None
            try:
                saved(path, 2)
            except FileError as raised:
                error = raised
            monkeypatch.undo()
            # Without a lock a file is written as well, and after it, its directory is flushed.
            written = error is None or "though it is written" in str(error)
            assert number_in(path) == (2 if written else 1)
            if error is not None:
                failures += 1
                assert error.errno == number
                assert str(path) in str(error)
                assert os.strerror(number) in str(error)
                assert written or "The file that was there is as it was." in str(error)
            assert names(path.parent) == [path.name]
            if faulty.calls < at:
                break
            saved(path, 1)
        assert failures >= (name != "flock")

    def test_a_disk_that_fills_up_slowly(self, path, monkeypatch):
        real, room = os.write, 5000

        def write(handle, data):
            nonlocal room
            if room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = real(handle, data[: min(700, room)])
            room -= done
            return done

        saved(path, 1)
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(FileError, match=r"make room on the disk") as caught:
            saved(path, 2)
        assert "The file that was there is as it was." in str(caught.value)
        room = 10**6
        saved(path, 3)
        assert number_in(path) == 3
        assert names(path.parent) == [path.name]

    def test_a_limit_of_the_system(self, path):
        """The kernel refuses the write, as it does on a full disk."""
        saved(path, 1)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            with pytest.raises(FileError, match=r"limit on the size of files"):
                saved(path, 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        assert number_in(path) == 1
        assert names(path.parent) == [path.name]

    def test_a_full_disk(self, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("a small disk can only be made with the right to mount")
        try:
            saved(disk / "run", 1, size=3000)
            with pytest.raises(FileError, match=r"make room on the disk"):
                saved(disk / "run", 2, size=3000 + 6000)
            assert number_in(disk / "run") == 1
            assert names(disk) == ["run"]
            # Both fit only if the failed one is gone.
            saved(disk / "run", 3, size=3000)
            assert number_in(disk / "run") == 3
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
    def test_a_directory_that_takes_no_files(self, path):
        # Root may write to every directory; but nobody makes a file in /proc.
        with pytest.raises(FileError, match=r"could not be written") as caught:
            saved("/proc/run", 1)
        assert caught.value.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS)

    def test_a_read_only_directory(self, path):
        saved(path, 1)
        path.parent.chmod(0o555)
        try:
            as_user(f"saved({str(path)!r}, 2)", "could not be written: Permission denied")
        finally:
            path.parent.chmod(0o700)
        assert number_in(path) == 1

    def test_a_read_only_file_is_not_replaced(self, path):
        saved(path, 1)
        path.chmod(0o444)
        path.parent.chmod(0o777)
        as_user(f"saved({str(path)!r}, 2)", "could not be written: Permission denied")
        assert number_in(path) == 1

    def test_paths_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").touch()
        (tmp_path / "loop").symlink_to("loop")
        for name, kind, said in (
            ("none/run", MissingFileError, "a directory has to be there before a file in it"),
            ("file/run", FileError, "a part of it is a file"),
            ("", FileError, "the path of a file"),
            ("x" * 300, FileError, "a shorter name"),
            ("loop", FileError, "lead back to themselves"),
        ):
            with pytest.raises(kind, match=said):
                saved(tmp_path / name, 1)
        assert names(tmp_path) == ["file", "loop"]
        with pytest.raises(FileError, match=r"which is not replaced"):
            saved("/dev/null", 1)
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116

    def test_what_is_read_is_not_what_was_written(self, path, monkeypatch):
        saved(path, 1)
        real = os.write
        monkeypatch.setattr(os, "write", lambda h, data: real(h, bytes(data).replace(b"\2", b"\3")))
        with pytest.raises(FileError, match=r"its checksum does not fit"):
            saved(path, 2)
        monkeypatch.undo()
        assert number_in(path) == 1
        assert names(path.parent) == [path.name]


def as_user(call, said):
    """Run a call in a process without root's rights, where there are such; it has to raise."""
    code = f"""
import os, sys
from tests.test_nn_files_writing import *
if os.geteuid() == 0:
    for directory in reversed(Path(sys.argv[1]).parents):
        if str(directory).startswith({str(Path(os.path.realpath("/tmp")))!r} + "/"):
            os.chmod(directory, os.stat(directory).st_mode | 0o055)
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    {call}
except FileError as error:
    print(error)
"""
    target = call.split("'")[1]
    done = python(code, str(Path(target).parent), check=True)
    assert said in done.stdout, done


def python(code, *arguments, **options):
    root = str(Path(__file__).parents[1])
    paths = os.pathsep.join([root, *sys.path])
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": paths}, **options,
    )  # fmt: skip


class TestPermissions:
    def test_a_new_file_obeys_the_umask(self, path):
        before = os.umask(0o027)
        try:
            saved(path, 1)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_replaced_file_keeps_its_own(self, path):
        saved(path, 1)
        path.chmod(0o604)
        saved(path, 2)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "there").mkdir()
        saved(tmp_path / "there" / "real", 1)
        (tmp_path / "link").symlink_to("there/real")
        (tmp_path / "dangling").symlink_to("there/new")
        for name in ("link", "dangling"):
            saved(tmp_path / name, 2)
            assert (tmp_path / name).is_symlink()
        assert number_in(tmp_path / "there" / "real") == 2
        assert number_in(tmp_path / "there" / "new") == 2
        assert names(tmp_path / "there") == ["new", "real"]

    def test_odd_names(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in ("a", "a*[b]", "-", " ", "ü" * 127, "a\nb", os.fsdecode(b"\xff\xfe")):
            saved(name, 1)
            saved(Path(name), 2)
            saved(os.fsencode(name), 3)
            assert number_in(name) == 3
            Path(name).unlink()
        assert names(".") == []


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line that is run in the modules that write."""

    FILES = (atomic.__file__, leftovers.__file__, container.__file__)

    def __init__(self, at):
        self.at = at
        self.lines = 0

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename not in self.FILES:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                raise KeyboardInterrupt
        return self

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *error):
        sys.settrace(self.before)


# One just after a file was opened leaves it to the collector to close it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_every_line(path):
    saved(path, 1, size=10)
    left = interrupts = 0
    for at in range(1, 2000):
        interrupt = Interrupt(at)
        try:
            with interrupt:
                saved(path, 2, size=10)
        except KeyboardInterrupt:
            interrupts += 1
        assert number_in(path) in (1, 2)
        left += len(names(path.parent)) > 1
        saved(path, 1, size=10)
        assert number_in(path) == 1
        assert names(path.parent) == [path.name]  # what an interrupt left, the next save clears
        if interrupt.lines < at:
            break
    assert interrupts == at - 1 > 80
    # Only between making the file and knowing of it, and while it is removed.
    assert left <= 10
