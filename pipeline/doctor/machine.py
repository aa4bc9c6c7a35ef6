"""Processor, C library, memory and the disk under the workspace."""

import os
import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.doctor.check import Check, check

MIN_GLIBC: Final = (2, 28)
"""What the newest wheels among the dependencies are built for (pyarrow, manylinux_2_28)."""

MIN_MEMORY: Final = 2 << 30
"""Bytes that a run of the shipped families needs, with room for the system."""

MIN_DISK: Final = 2 << 30
"""Bytes of workspace below which a run is likely to fill the disk."""

_MEMORY_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def processor() -> Iterator[Check]:
    """The architecture has wheels, the instructions TensorFlow is built with are there, and there are enough cores."""
    found = f"{platform.system()} {platform.machine()}"
    supported = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")
    yield check("platform", supported, found, "TensorFlow has wheels for x86_64 and arm64 alone; use such a machine.")
    flags = _cpu_flags()
    if flags and platform.machine() == "x86_64":
        advice = "TensorFlow's wheels need AVX and die with `Illegal instruction` without; use another processor."
        yield check("processor", "avx" in flags, "AVX" if "avx" in flags else "no AVX", advice)
    cores = _cores()
    yield check("cores", cores >= 2, str(cores), "Training on one core is slow; two or more help.", otherwise="warning")


def c_library() -> Check:
    """glibc is new enough for the wheels of the dependencies."""
    name, version = platform.libc_ver()
    if name != "glibc":
        musl = platform.system() == "Linux"
        advice = "The dependencies' wheels need glibc; use a distribution that has it (Debian, Ubuntu, RHEL, ...)."
        return check("C library", not musl, "not glibc", advice)
    numbers = tuple(int(part) for part in version.split(".")[:2])
    needed = ".".join(map(str, MIN_GLIBC))
    return check("C library", numbers >= MIN_GLIBC, f"glibc {version}", f"Use a system with glibc {needed} or newer.")


def memory() -> Check:
    """Memory that is available to this process, of the machine or of its container."""
    available = _available_memory()
    if available is None:
        return Check("memory", "ok", "unknown on this system")
    advice = f"Runs need about {_gib(MIN_MEMORY)}; end other programs, or lower `training.batch_size`."
    return check("memory", available >= MIN_MEMORY, f"{_gib(available)} available", advice, otherwise="warning")


def storage(workspace: Path) -> Iterator[Check]:
    """The workspace can be written, has room, and SQLite's write-ahead log works there."""
    folder = workspace.absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".trainworks-doctor-", dir=folder) as probe:
            yield Check("workspace", "ok", f"{folder} can be written")
            yield _database(Path(probe))
    except OSError as error:
        advice = f"Give yourself the right to write there, or name another folder by --workspace: {error.strerror}."
        yield Check("workspace", "failed", f"{folder} cannot be written", advice)
    free = shutil.disk_usage(folder).free
    advice = f"Artifacts need room, often several times the data's; free {_gib(MIN_DISK)} or name another --workspace."
    yield check("disk", free >= MIN_DISK, f"{_gib(free)} free", advice)


def _database(folder: Path) -> Check:
    """Lineage is SQLite with a write-ahead log, which network file systems break."""
    try:
        connection = sqlite3.connect(folder / "probe.sqlite")
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("CREATE TABLE probe (x)")
            connection.commit()
        finally:
            connection.close()
    except sqlite3.Error as error:
        mode = f"{error}"
    advice = "Put the workspace on a local disk; SQLite's write-ahead log does not work on network file systems."
    return check("lineage", mode == "wal", f"SQLite {sqlite3.sqlite_version}, journal {mode}", advice)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_flags() -> set[str]:
    lines = _lines("/proc/cpuinfo")
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def _available_memory() -> int | None:
    """Bytes; the smaller of what the machine has left and what the container may take. None where neither is told."""
    known = [int(line.split()[1]) << 10 for line in _lines("/proc/meminfo") if line.startswith("MemAvailable")]
    known += [int(line) for path in _MEMORY_LIMITS for line in _lines(path) if line.isdecimal()]
    return min(known, default=None)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
