# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0

"""Starts the program, and tells of its progress and errors."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Mapping, Optional, Sequence, Union

from slablab.results import Results, is_sqlite

PathLike = Union[str, "os.PathLike[str]"]
# The value of a switch of a run: True and False are --name and --no-name, a sequence is its
# elements with commas between, a mapping is NAME=VALUE each (set, tune, policy).
Switch = Union[bool, int, str, Sequence[Union[int, str]], Mapping[str, Union[int, str]]]

_INPUT = 2
_INTERNAL = 3
_INTERRUPTED = 130
_PERCENT = re.compile(r"^(?P<what>.*): (?P<percent>\d+) %, ")


class SlablabError(Exception):
    """The program failed. `str(error)` is what it said."""

    def __init__(self, message: str, exit_status: int, command: Sequence[str]) -> None:
        super().__init__(message)
        self.message = message
        self.exit_status = exit_status
        self.command = list(command)


class InputError(SlablabError):
    """What was asked for is at fault, or this host's memory or disk."""


class InternalError(SlablabError):
    """A bug of slablab's own."""


@dataclass(frozen=True)
class Progress:
    """How far the program is."""

    what: str  # "slub-7.3 (2 of 8)"
    percent: Optional[int]  # of that; None: not known
    text: str  # the line that a terminal would show


OnProgress = Callable[[Progress], None]


def program() -> str:
    """The program that is started: of the variable SLABLAB, on PATH, or of this clone."""
    named = os.environ.get("SLABLAB")
    if named:
        return named
    found = shutil.which("slablab")
    if found:
        return found
    clone = Path(__file__).resolve().parents[3] / "slablab"
    if clone.is_file() and os.access(clone, os.X_OK):
        return str(clone)
    raise FileNotFoundError(
        "slablab was not found: put it on PATH (install.sh does), or its path into the variable "
        "SLABLAB"
    )


def _flags(switches: Mapping[str, Switch]) -> list[str]:
    words = []
    for name, value in switches.items():
        flag = name.rstrip("_").replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, Mapping):
            words += [f"--{flag}={key}={each}" for key, each in value.items()]
        elif isinstance(value, Iterable) and not isinstance(value, str):
            words.append(f"--{flag}={','.join(str(each) for each in value)}")
        else:
            words.append(f"--{flag}={value}")
    return words


def _progress_of(line: str) -> Progress:
    found = _PERCENT.match(line)
    if found:
        return Progress(found["what"], int(found["percent"]), line)
    return Progress(line.split(": ")[0], None, line)


class _Messages:
    """Sorts what the program says on a terminal: lines that it draws over, and others."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._pending = ""
        self.lines: list[str] = []

    def take(self, text: str) -> None:
        self._pending += text
        # A drawn line ends where the next begins or is erased; another at its end.
        parts = re.split(r"(\r\n|\n|\r\x1b\[K)", self._pending)
        self._pending = parts.pop()
        for line, end in zip(parts[::2], parts[1::2]):
            self._sort(line, drawn=end == "\r\x1b[K")

    def finish(self) -> None:
        self._sort(self._pending, drawn=False)
        self._pending = ""

    def _sort(self, line: str, drawn: bool) -> None:
        line = line.strip("\r")
        if not line:
            return
        if drawn:
            self._on_progress(_progress_of(line))
        else:
            self.lines.append(line)


def _run_on_terminal(command: Sequence[str], on_progress: OnProgress) -> tuple[int, str]:
    """Runs with a terminal for its messages, on which alone the program tells of progress."""
    ours, theirs = pty.openpty()
    messages = _Messages(on_progress)
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            env=environment,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    try:
        while True:
            try:
                read = os.read(ours, 65536)
            except OSError:  # Linux answers so when the last writer has closed it.
                break
            if not read:
                break
            messages.take(read.decode("utf-8", "replace"))
        status = child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    finally:
        os.close(ours)
    messages.finish()
    return status, "\n".join(messages.lines)


def _run_quietly(command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stderr


def _message(said: str) -> str:
    lines = [line.removeprefix("slablab: ") for line in said.splitlines() if line.strip()]
    return "\n".join(lines) or "slablab said nothing"


def _start(words: Sequence[str], on_progress: Optional[OnProgress]) -> None:
    command = [program(), *words]
    if on_progress is None:
        status, said = _run_quietly(command)
    else:
        status, said = _run_on_terminal(command, on_progress)
    if status == 0:
        return
    if status == _INTERRUPTED:
        raise KeyboardInterrupt
    kind = {_INPUT: InputError, _INTERNAL: InternalError}.get(status, SlablabError)
    if status < 0:
        said += f"\nended by signal {-status}"
    raise kind(_message(said), status, command)


def _results(
    words: Sequence[str], output: Optional[PathLike], on_progress: Optional[OnProgress]
) -> Results:
    folder = None
    if output is None:
        folder = tempfile.mkdtemp(prefix="slablab-")
        output = Path(folder) / "results.sqlite"
    path = Path(output)
    try:
        _start([*words, "--format=sqlite", f"--output={path}"], on_progress)
        return Results(path, folder)
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _trace(trace: Optional[PathLike]) -> list[str]:
    return [] if trace is None else [f"--trace={os.fspath(trace)}"]


def run(
    trace: Optional[PathLike] = None,
    *,
    output: Optional[PathLike] = None,
    progress: Optional[OnProgress] = None,
    **switches: Switch,
) -> Results:
    """One run, as `slablab run` does it: of a trace, or with workload="hackbench" of a workload.

    Every flag of `slablab help run` is a keyword with underscores: run("fs.slt", machine="vm-c4n2",
    allocator="slub-7.3", statistics=False, tune={"cpu_partial": 0}). The file is kept at `output`;
    without it, until the results are closed or forgotten.
    """
    return _results(["run", *_trace(trace), *_flags(switches)], output, progress)


def compare(
    trace: Optional[PathLike] = None,
    *,
    output: Optional[PathLike] = None,
    progress: Optional[OnProgress] = None,
    **switches: Switch,
) -> Results:
    """Several runs, as `slablab compare` does them: allocators=[...], machines=[...], seeds=5,
    vary="cpu_partial=0,6,30", and the flags of run(). The base is the first."""
    return _results(["compare", *_trace(trace), *_flags(switches)], output, progress)


def sweep(
    spec: PathLike,
    *,
    folder: Optional[PathLike] = None,
    workers: Optional[int] = None,
    output: Optional[PathLike] = None,
    progress: Optional[OnProgress] = None,
) -> Results:
    """Does those points of a sweep that are not done, and merges all, as `slablab sweep run` and
    `sweep merge` do. Points are kept in `folder`, by default beside the sweep."""
    kept = [] if folder is None else [f"--folder={os.fspath(folder)}"]
    many = [] if workers is None else [f"--workers={workers}"]
    _start(["sweep", "run", os.fspath(spec), *kept, *many], progress)
    return _results(["sweep", "merge", os.fspath(spec), *kept], output, None)


def open_results(*paths: PathLike) -> Results:
    """Results that were kept: a file of --format=sqlite, or files of --format=proto or json, of
    which several are compared."""
    if not paths:
        raise ValueError("open_results takes a file or several")
    if len(paths) == 1 and is_sqlite(os.fspath(paths[0])):
        return Results(os.fspath(paths[0]))
    return _results(["report", *[os.fspath(path) for path in paths]], None, None)
