"""Arrays in HDF5 files, from and to any number of ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import torch
from mpi4py import MPI

import array_api_dist as xp
from array_api_dist import _hdf5, io
from array_api_dist._array import Array
from array_api_dist.device import Device
from array_api_dist.io import load_hdf5, save_hdf5
from array_api_dist.local import to_local
from array_api_dist.partition import Partition, repartition
from array_api_dist.trace import trace

WORLD = MPI.COMM_WORLD
DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip
SHAPES = ((), (1,), (7,), (0, 3), (5, 3), (3, 11, 2))


def values(shape: tuple[int, ...], dtype: str) -> npt.NDArray[np.generic]:
    random = np.random.default_rng(7)
    if dtype == "bool":
        return random.random(shape) < 0.5
    if dtype.startswith("complex"):
        return np.asarray(random.normal(size=shape) + 1j * random.normal(size=shape), dtype=dtype)
    if dtype.startswith("float"):
        return np.asarray(random.normal(size=shape), dtype=dtype)
    limits = np.iinfo(dtype)
    return np.asarray(random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True))


def layouts(shape: tuple[int, ...]) -> list[Partition | None]:
    found: list[Partition | None] = [None]
    ranks = WORLD.size
    for axis, length in enumerate(shape):
        found.append(Partition.even(axis, length, ranks))
        found.append(Partition.at_root(axis, length, ranks, ranks - 1))
        first = length // 3
        found.append(Partition(axis, (0, *(first,) * (ranks - 1), length)))
    return found


def write_on_first(path: Path, **datasets: object) -> None:
    if WORLD.rank == 0:
        with h5py.File(path, "w") as file:
            for name, data in datasets.items():
                file[name.replace("__", "/")] = data
    WORLD.Barrier()


def same(array: Array, expected: npt.NDArray[np.generic]) -> bool:
    return np.asarray(array).tobytes() == expected.tobytes() and array.shape == expected.shape


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_round_trip_keeps_every_bit_of_every_dtype(mpi_tmp_path: Path, dtype: str) -> None:
    expected = values((9, 4), dtype)
    save_hdf5(mpi_tmp_path / "a.h5", "x", repartition(xp.asarray(expected), 0))
    loaded = load_hdf5(mpi_tmp_path / "a.h5", "x")
    assert loaded.dtype == getattr(xp, dtype)
    assert same(loaded, expected)
    with h5py.File(mpi_tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["x"][()], expected)
    WORLD.Barrier()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_partitions_of_writer_and_reader_do_not_matter(mpi_tmp_path: Path, shape: tuple[int, ...]) -> None:
    expected = values(shape, "float64")
    for written in layouts(shape):
        save_hdf5(mpi_tmp_path / "a.h5", "group/x", repartition(xp.asarray(expected), written))
        for read in layouts(shape):
            loaded = load_hdf5(mpi_tmp_path / "a.h5", "group/x", partition=read)
            assert same(loaded, expected)
            assert read is None or loaded.partition == read


def test_parts_larger_than_a_block_pass_through_it(
    mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io, "BLOCK_NBYTES", 64)
    expected = values((13, 5, 6), "float64")
    for axis in range(3):
        save_hdf5(mpi_tmp_path / "a.h5", "x", repartition(xp.asarray(expected), axis))
        assert same(load_hdf5(mpi_tmp_path / "a.h5", "x", partition=axis), expected)
        narrowed = load_hdf5(mpi_tmp_path / "a.h5", "x", partition=axis, dtype=xp.float32)
        assert same(narrowed, expected.astype("float32"))


def test_each_rank_holds_its_rows_only(mpi_tmp_path: Path) -> None:
    expected = values((4 * WORLD.size, 3), "float64")
    write_on_first(mpi_tmp_path / "a.h5", x=expected)
    local = to_local(load_hdf5(mpi_tmp_path / "a.h5", "x"))
    mine = expected[4 * WORLD.rank : 4 * WORLD.rank + 4]
    assert torch.equal(local.cpu(), torch.from_numpy(np.ascontiguousarray(mine)))


def test_other_data_sets_are_kept_and_the_old_one_is_replaced(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / "a.h5"
    write_on_first(path, kept=np.arange(3), deep__kept=np.arange(4), x=np.zeros((2, 2)))
    save_hdf5(path, "x", xp.arange(6))
    save_hdf5(path, "deep/new", xp.ones(2))
    with h5py.File(path) as file:
        assert sorted(_hdf5._dataset_names(file)) == ["deep/kept", "deep/new", "kept", "x"]
        np.testing.assert_array_equal(file["x"][()], np.arange(6))
        np.testing.assert_array_equal(file["kept"][()], np.arange(3))
    WORLD.Barrier()


@pytest.mark.parametrize("name", ["x", "deep/x"])
def test_a_file_of_the_replaced_data_set_alone_is_not_copied(
    name: str, mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mpi_tmp_path / "a.h5"
    save_hdf5(path, name, xp.zeros(3))
    copied: list[Path] = []
    copy = io.shutil.copy
    monkeypatch.setattr(
        io.shutil, "copy", lambda source, target: copied.append(source) or copy(source, target)
    )
    save_hdf5(path, name, xp.arange(6))
    assert not copied
    np.testing.assert_array_equal(to_local(load_hdf5(path, name, partition=None)).cpu(), np.arange(6))
    for other in ("deep/other", "other"):
        save_hdf5(path, other, xp.ones(2))
    WORLD.Barrier()
    with h5py.File(path) as file:
        assert sorted(_hdf5._dataset_names(file)) == sorted([name, "deep/other", "other"])
    assert copied == ([path, path] if WORLD.rank == 0 else [])
    WORLD.Barrier()


def test_saving_again_does_not_grow_the_file(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / "a.h5"
    array = repartition(xp.asarray(values((20000, 2), "float64")), 0)
    save_hdf5(path, "x", array)
    size = path.stat().st_size
    for _ in range(3):
        save_hdf5(path, "x", array)
    WORLD.Barrier()
    assert path.stat().st_size < 1.5 * size


@pytest.mark.skipif(h5py.get_config().mpi, reason="the other tests here write through parallel HDF5")
def test_where_h5py_is_parallel_the_ranks_write_at_once(
    mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    class ParallelFile(h5py.File):
        """What h5py with parallel HDF5 takes, on one rank."""

        def __init__(self, name: str, mode: str, driver: str | None = None, comm: object = None) -> None:
            if driver is not None:
                opened.append((driver, comm))
            super().__init__(name, mode)

    device = Device("cpu", comm=MPI.COMM_SELF)
    x = xp.asarray(values((9, 4), "float64"), device=device)
    path = mpi_tmp_path / f"{WORLD.rank}.h5"
    save_hdf5(path, "kept", x)
    with monkeypatch.context() as patch:
        patch.setattr(h5py, "get_config", lambda: SimpleNamespace(mpi=True))
        patch.setattr(h5py, "File", ParallelFile)
        save_hdf5(path, "x", repartition(x, 1))
        with pytest.raises(ValueError, match="a data set needs a name"):
            save_hdf5(path, "/", x)
    assert opened == [("mpio", x.device.communicator.mpi)]
    assert same(load_hdf5(path, "x", device=device), values((9, 4), "float64"))
    assert same(load_hdf5(path, "kept", device=device), values((9, 4), "float64"))


def test_agreements_are_as_documented(mpi_tmp_path: Path) -> None:
    x = repartition(xp.ones((3 * WORLD.size, 2)), 0)
    with trace() as found:
        save_hdf5(mpi_tmp_path / "a.h5", "x", x)
        load_hdf5(mpi_tmp_path / "a.h5", "x")
    writers = 1 if h5py.get_config().mpi else WORLD.size
    assert {(row.operation, row.collective, row.calls) for row in found.collectives} == {
        ("save_hdf5", "broadcast", 1), ("save_hdf5", "agree", writers + 2),
        ("load_hdf5", "allgather", 1), ("load_hdf5", "agree", 1),
    }  # fmt: skip


def test_a_failed_save_leaves_the_old_file_whole(mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mpi_tmp_path / "a.h5"
    save_hdf5(path, "x", xp.arange(5))

    def full(target: h5py.Dataset, block: object) -> None:
        raise OSError("no space left")

    if WORLD.rank == WORLD.size - 1:
        monkeypatch.setattr(io, "_write_part", full)
    with pytest.raises(OSError, match="no space left"):
        save_hdf5(path, "x", repartition(xp.ones(4 * WORLD.size), 0))
    WORLD.Barrier()
    assert same(load_hdf5(path, "x"), np.arange(5))
    assert [entry.name for entry in path.parent.iterdir()] == ["a.h5"]


def test_a_missing_file_is_missing_on_every_rank(mpi_tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"existing file, got .*none\.h5"):
        load_hdf5(mpi_tmp_path / "none.h5", "x")


def test_what_is_no_hdf5_file_is_refused(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / "a.txt"
    if WORLD.rank == 0:
        path.write_text("not HDF5")
    WORLD.Barrier()
    with pytest.raises(OSError, match="HDF5 file"):
        load_hdf5(path, "x")


def test_a_wrong_name_lists_the_data_sets_there(mpi_tmp_path: Path) -> None:
    write_on_first(mpi_tmp_path / "a.h5", a=np.arange(3), deep__b=np.arange(3))
    for name in ("c", "deep", "", "deep/a"):
        with pytest.raises(LookupError, match="'a', 'deep/b'"):
            load_hdf5(mpi_tmp_path / "a.h5", name)


def test_what_is_not_numeric_is_refused(mpi_tmp_path: Path) -> None:
    write_on_first(
        mpi_tmp_path / "a.h5",
        text=["a", "b"],
        record=np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]),
        nothing=h5py.Empty("f8"),
    )
    for name in ("text", "record", "nothing"):
        with pytest.raises(TypeError, match="must hold numbers"):
            load_hdf5(mpi_tmp_path / "a.h5", name)


def test_foreign_number_formats_are_converted(mpi_tmp_path: Path) -> None:
    write_on_first(
        mpi_tmp_path / "a.h5",
        half=np.arange(5, dtype="float16"),
        big=np.arange(5, dtype=">i4"),
        complex=np.asarray([1 + 2j]),
    )
    assert load_hdf5(mpi_tmp_path / "a.h5", "half").dtype == xp.float32
    assert same(load_hdf5(mpi_tmp_path / "a.h5", "big"), np.arange(5, dtype="int32"))
    assert same(load_hdf5(mpi_tmp_path / "a.h5", "big", dtype=xp.float64), np.arange(5.0))
    with pytest.raises(TypeError, match="complex"):
        load_hdf5(mpi_tmp_path / "a.h5", "complex", dtype=xp.float64)


def test_a_partition_that_does_not_fit_is_refused(mpi_tmp_path: Path) -> None:
    write_on_first(mpi_tmp_path / "a.h5", x=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="axis"):
        load_hdf5(mpi_tmp_path / "a.h5", "x", partition=2)


def test_a_data_set_needs_a_name_of_its_own(mpi_tmp_path: Path) -> None:
    write_on_first(mpi_tmp_path / "a.h5", deep__b=np.arange(3))
    for name in ("deep", "", "/"):
        with pytest.raises(ValueError, match="data set"):
            save_hdf5(mpi_tmp_path / "a.h5", name, xp.arange(3))


def test_a_folder_that_is_none_is_an_error_on_every_rank(mpi_tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        save_hdf5(mpi_tmp_path / "none" / "a.h5", "x", xp.arange(3))


def test_a_link_is_followed_and_the_mode_is_kept(mpi_tmp_path: Path) -> None:
    (mpi_tmp_path / "there").mkdir(exist_ok=True)
    real, link = mpi_tmp_path / "there" / "real.h5", mpi_tmp_path / "link.h5"
    write_on_first(real, x=np.zeros(2))
    if WORLD.rank == 0:
        real.chmod(0o640)
        link.symlink_to(Path("there") / "real.h5")
    WORLD.Barrier()
    save_hdf5(link, "x", xp.arange(5))
    save_hdf5(link, "y", xp.arange(3))
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert same(load_hdf5(real, "x"), np.arange(5))
    assert [entry.name for entry in real.parent.iterdir()] == ["real.h5"]


def test_what_is_no_file_is_not_replaced(mpi_tmp_path: Path) -> None:
    fifo = mpi_tmp_path / "fifo"
    if WORLD.rank == 0:
        os.mkfifo(fifo)
    WORLD.Barrier()
    for target in (fifo, mpi_tmp_path):
        with pytest.raises(OSError, match=f"not to a folder or device, got {target}"):
            save_hdf5(target, "x", xp.arange(3))
    assert fifo.is_fifo()
    loop = mpi_tmp_path / "loop"
    if WORLD.rank == 0:
        loop.symlink_to(loop)
    WORLD.Barrier()
    with pytest.raises(OSError, match="loop"):
        save_hdf5(loop, "x", xp.arange(3))


def test_a_name_as_long_as_names_are_is_saved_and_a_longer_one_fails_alike(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / ("a" * 256)
    with pytest.raises(OSError, match="File name too long"):
        save_hdf5(path, "x", xp.arange(3))
    path = mpi_tmp_path / ("a" * 252)
    save_hdf5(path, "x", xp.arange(3))
    assert same(load_hdf5(path, "x"), np.arange(3))
    assert [entry.name for entry in mpi_tmp_path.iterdir()] == [path.name]


def test_any_rank_that_is_interrupted_removes_what_was_begun(
    mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mpi_tmp_path / "a.h5"
    append = io._append

    def interrupted(*arguments: object, **access: object) -> None:
        append(*arguments, **access)
        raise KeyboardInterrupt

    # Alone, since peers would wait for it; made by all, since each counts the arrays that it makes.
    x = xp.arange(3, device=Device("cpu", comm=MPI.COMM_SELF))
    if WORLD.rank == WORLD.size - 1:
        monkeypatch.setattr(io, "_append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save_hdf5(path, "x", x)
    WORLD.Barrier()
    assert list(mpi_tmp_path.iterdir()) == []


def test_the_name_of_a_data_set_is_a_string_without_nul(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / "a.h5"
    save_hdf5(path, "x", xp.arange(3))
    for name in (None, 3, b"x"):
        with pytest.raises(TypeError, match="the name of a data set is a string"):
            save_hdf5(path, name, xp.arange(4))
        with pytest.raises(TypeError, match="the name of a data set is a string"):
            load_hdf5(path, name)
    with pytest.raises(ValueError, match="holds no NUL"):
        save_hdf5(path, "x\0y", xp.arange(4))
    with pytest.raises(ValueError, match="holds no NUL"):
        load_hdf5(path, "x\0y")
    assert same(load_hdf5(path, "x"), np.arange(3))


def test_links_that_lead_nowhere_are_no_data_sets(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / "a.h5"
    write_on_first(path, x=np.arange(3), broken=h5py.SoftLink("/none"), loop=h5py.SoftLink("/loop"))
    for name in ("broken", "loop"):
        with pytest.raises(LookupError, match=f"are 'x'; got '{name}'"):
            load_hdf5(path, name)
        with pytest.raises(ValueError, match=f"leads nowhere is no name for a data set, got '{name}'"):
            save_hdf5(path, name, xp.arange(3))
    for name in ("broken/y", "x/y"):
        with pytest.raises(ValueError, match=f"only groups hold data sets, got '{name}'"):
            save_hdf5(path, name, xp.arange(3))
    assert [entry.name for entry in mpi_tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.mpi(min_size=2)
@pytest.mark.parametrize("changed", ["shape", "dtype", "time"])
def test_ranks_that_see_other_files_are_told_of_both(
    changed: str, mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values_of = {"shape": np.zeros(5 + WORLD.rank), "dtype": np.zeros(5, f"f{8 if WORLD.rank else 4}")}
    folder = mpi_tmp_path / str(WORLD.rank)
    folder.mkdir()
    monkeypatch.chdir(folder)
    with h5py.File("a.h5", "w") as file:
        file["x"] = values_of.get(changed, np.zeros(5))
    os.utime("a.h5", ns=(0, WORLD.rank if changed == "time" else 7))
    with pytest.raises(
        ValueError, match=r"the same on every rank .*0/a\.h5: .* on rank 0 and .*1/a\.h5: .* on rank 1"
    ):
        load_hdf5("a.h5", "x")
    os.utime("a.h5", ns=(0, 7))
    if changed == "time":
        assert same(load_hdf5("a.h5", "x"), np.zeros(5))


@pytest.mark.mpi(min_size=2)
def test_a_file_that_one_rank_lacks_is_missing_for_all(
    mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mpi_tmp_path / str(WORLD.rank)
    folder.mkdir()
    monkeypatch.chdir(folder)
    if WORLD.rank == 0:
        with h5py.File("a\udcff.h5", "w") as file:
            file["x"] = np.zeros(5)
    with pytest.raises(FileNotFoundError, match=r"existing file, got a\udcff\.h5"):
        load_hdf5("a\udcff.h5", "x")


def test_no_memory_for_a_part_is_an_error_on_every_rank(
    mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_on_first(mpi_tmp_path / "a.h5", x=np.zeros(4))
    if WORLD.rank == WORLD.size - 1:
        monkeypatch.setattr(io, "_read_part", lambda *_: (_ for _ in ()).throw(MemoryError("no memory left")))
    with pytest.raises(MemoryError, match="no memory left"):
        load_hdf5(mpi_tmp_path / "a.h5", "x")


WRITER = """
import sys
import h5py
with h5py.File(sys.argv[1], "a") as file:
    print("open", flush=True)
    sys.stdin.read()
    file["late"] = 1
"""


@pytest.mark.parametrize("where", ["in this process", "in another one"])
def test_a_file_that_is_open_to_write_is_not_replaced(mpi_tmp_path: Path, where: str) -> None:
    path = mpi_tmp_path / "a.h5"
    write_on_first(path, x=np.arange(3))
    with ExitStack() as open_elsewhere:
        if WORLD.rank == 0 and where == "in this process":
            open_elsewhere.enter_context(h5py.File(path, "a"))["late"] = 1
        elif WORLD.rank == 0:
            command = [sys.executable, "-c", WRITER, str(path)]
            writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            open_elsewhere.enter_context(writer)
            assert writer.stdout is not None
            assert writer.stdout.readline() == "open\n"
        WORLD.Barrier()
        with pytest.raises(OSError, match=r"not open to write elsewhere, got .*a\.h5"):
            save_hdf5(path, "x", xp.arange(6))
        WORLD.Barrier()
    WORLD.Barrier()
    with h5py.File(path) as file:
        assert sorted(file) == ["late", "x"]
    assert [entry.name for entry in mpi_tmp_path.iterdir()] == ["a.h5"]


def test_what_stands_before_the_hdf5_in_a_file_is_kept(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / "a.mat"
    if WORLD.rank == 0:
        with h5py.File(path, "w", userblock_size=512) as file:
            file["x"] = np.arange(3)
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file")
    WORLD.Barrier()
    save_hdf5(path, "x", xp.arange(6))
    assert path.read_bytes().startswith(b"MATLAB 7.3 MAT-file")
    assert same(load_hdf5(path, "x"), np.arange(6))
