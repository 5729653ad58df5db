# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0

"""An SQLite file of slablab's as data frames."""

from __future__ import annotations

import re
import shutil
import sqlite3
import urllib.parse
import weakref
from pathlib import Path
from types import TracebackType
from typing import Mapping, Optional, Type, Union

import pandas as pd

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x534C4142  # "SLAB"
_MAGIC = b"SQLite format 3\0"

# A line of a table's definition: its column, and the unit that the comment behind it begins with.
_COLUMN = re.compile(
    r'^\s*"?(\w+)"?\s+(INTEGER|REAL|TEXT)\b[^-]*(?:--\s*(?:\[([^\]]*)\])?\s*(.*))?$'
)


class SchemaError(ValueError):
    """A file that is none of slablab's, or of a later schema than this package knows."""


def is_sqlite(path: Union[str, Path]) -> bool:
    """Whether the file at `path` is of SQLite at all."""
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


class Results:
    """The runs of one file.

    `results["locks"]` is a table as a data frame, a row a row, with the columns `run` and, in
    front, `label`. Columns of unit 0/1 are of type bool. Every read is of the file; what is
    returned is the caller's own.
    """

    def __init__(self, path: Union[str, Path], folder: Optional[str] = None) -> None:
        """Opens the file at `path`. A `folder` given is removed when these are closed or gone."""
        self.path = Path(path)
        self._removed = None
        if folder is not None:
            self._removed = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        if not is_sqlite(self.path):
            raise SchemaError(f"{self.path}: not an SQLite file")
        quoted = urllib.parse.quote(str(self.path.absolute()))
        self._connection = sqlite3.connect(f"file:{quoted}?mode=ro&immutable=1", uri=True)
        if self._pragma("application_id") != _APPLICATION_ID:
            raise SchemaError(f"{self.path}: not a file of slablab's")
        version = self._pragma("user_version")
        if version != SCHEMA_VERSION:
            raise SchemaError(
                f"{self.path}: its schema is {version}, and this package reads {SCHEMA_VERSION}"
            )
        self._schema = self._read_schema()

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    def _read_schema(self) -> pd.DataFrame:
        rows = []
        query = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY rowid"
        for table, sql in self._connection.execute(query):
            for line in sql.splitlines()[1:]:
                found = _COLUMN.match(line)
                if found:
                    rows.append((table, found[1], found[2], found[3] or "", found[4] or ""))
        return pd.DataFrame(rows, columns=["table", "column", "type", "unit", "meaning"])

    @property
    def schema(self) -> pd.DataFrame:
        """Every column of every table, with its unit and what it is."""
        return self._schema.copy()

    @property
    def tables(self) -> list[str]:
        """The names of all tables."""
        return list(self._schema["table"].drop_duplicates())

    def units(self, table: str) -> dict[str, str]:
        """The unit of each column of a table; an empty one is a plain count or a text."""
        columns = self._columns(table)
        return dict(zip(columns["column"], columns["unit"]))

    def _columns(self, table: str) -> pd.DataFrame:
        columns = self._schema[self._schema["table"] == table]
        if columns.empty:
            raise KeyError(f"no table {table!r}; there are: {', '.join(self.tables)}")
        return columns

    def __getitem__(self, table: str) -> pd.DataFrame:
        columns = self._columns(table)
        frame = pd.read_sql_query(f'SELECT * FROM "{table}" ORDER BY rowid', self._connection)
        for name in columns[columns["unit"] == "0/1"]["column"]:
            frame[name] = frame[name].astype("boolean" if frame[name].hasnans else "bool")
        if table != "runs" and "run" in frame.columns:
            frame.insert(0, "label", frame["run"].map(self._labels()))
        return frame

    def _labels(self) -> Mapping[int, str]:
        return dict(self._connection.execute("SELECT run, label FROM runs"))

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run, by its number: label, allocator, machine, seed and what else it is of."""
        return self["runs"].set_index("run")

    @property
    def metrics(self) -> pd.DataFrame:
        """A row a run as in `runs`, a column a metric, in the order of `slablab list metrics`."""
        long = self["metrics"]
        wide = long.pivot(index="run", columns="metric", values="value")
        wide = wide[list(long["metric"].drop_duplicates())]
        wide.columns.name = None
        wide.insert(0, "label", wide.index.map(self._labels()))
        return wide

    @property
    def metric_units(self) -> dict[str, str]:
        """The unit of each metric."""
        long = self["metrics"].drop_duplicates("metric")
        return dict(zip(long["metric"], long["unit"]))

    @property
    def points(self) -> pd.DataFrame:
        """Of a sweep: a row a point with its value on each axis, its run (none: refused, and why),
        and that run's metrics. Values that are all whole numbers are numbers."""
        frame = self["points"].set_index("point").drop(columns="label")
        values = self["point_values"]
        for axis in values["axis"].drop_duplicates():
            column = values[values["axis"] == axis].set_index("point")["value"]
            if column.str.fullmatch(r"-?\d+").all():
                column = column.astype("int64")
            frame.insert(len(frame.columns) - 2, axis, column)
        joined = frame.join(self.metrics.drop(columns="label"), on="run")
        return joined.astype({"run": "Int64"})

    def close(self) -> None:
        """Closes the file; one that was made without `output` is removed."""
        self._connection.close()
        if self._removed is not None:
            self._removed()

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        labels = list(self._labels().values())
        shown = ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
        return f"<slablab.Results of {len(labels)} run{'s' if len(labels) != 1 else ''}: {shown}>"
