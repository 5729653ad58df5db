# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0

"""The Python package over the program: what it starts, what it reads, and how it fails."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

import pandas as pd
import slablab

TRACE = "linux-6.1-slub-c4n2-net"
SMALL = {"machine": "vm-c4n2", "events_max": 5000}
WORDS = [f"--trace={TRACE}", "--machine=vm-c4n2", "--events-max=5000"]
SWEEP = """
base { trace: "%s" machine: "vm-c4n2" events_max: 3000 }
allocator: ["slub-6.1", "slab"]
cpus: [2, 3, 4]
tunable { name: "cpu_partial" value: [0, 30] }
"""


def program(*words):
    done = subprocess.run([slablab.program(), *words], capture_output=True, check=True)
    return done.stdout


def csv_table(name, *words):
    text = program(*words, "--format=csv", f"--table={name}").decode()
    return list(csv.DictReader(io.StringIO(text)))


class FolderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class RunTest(FolderTest):
    def test_figures_are_those_of_text_csv_and_proto(self):
        results = slablab.run(TRACE, **SMALL)
        kept = self.folder / "run.result"
        program("run", *WORDS, "--format=proto", "-o", str(kept))
        with slablab.open_results(kept) as again:
            pd.testing.assert_frame_equal(again.metrics, results.metrics)
        text = program("run", *WORDS).decode()
        operations = int(results["totals"]["operations"][0])
        self.assertIn(f"operations   {operations:,}:", text)
        cycles = results["totals"]["operation_cycles"][0] / operations
        self.assertIn(f"cycles       {cycles:.1f} an operation in the allocator", text)
        message = json.loads(program("report", str(kept), "--format=json"))
        self.assertEqual(int(message["totals"]["operations"]), operations)
        for table in ["locks", "causes", "touches", "counters", "call_sites", "footprint",
                      "caches", "layers", "tasks"]:
            rows = csv_table(table, "run", *WORDS)
            frame = results[table]
            self.assertEqual(len(frame), len(rows), table)
            self.assertGreater(len(frame), 0, table)
            for column, value in rows[-1].items():
                stored = frame[column].iloc[-1]
                self.assertEqual(str(stored).lower(), value.lower(), f"{table}.{column}")

    def test_two_runs_are_the_same_bytes(self):
        paths = [self.folder / "a.sqlite", self.folder / "b.sqlite"]
        for path in paths:
            slablab.run(TRACE, output=path, **SMALL).close()
        self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())
        self.assertEqual(program("run", *WORDS, "--format=sqlite"), paths[0].read_bytes())
        self.assertEqual([path.name for path in sorted(self.folder.iterdir())],
                         ["a.sqlite", "b.sqlite"])

    def test_switches_are_the_flags(self):
        results = slablab.run(
            TRACE, allocator="slub-6.12", statistics=False, tune={"cpu_partial": 6}, **SMALL
        )
        self.assertEqual(results.runs["allocator"][1], "slub-6.12")
        switches = results["switches"].set_index("name")
        self.assertEqual(switches["value"]["statistics"], "false")
        self.assertEqual(switches["is_default"]["statistics"], False)
        self.assertEqual(switches["value"]["tune"], "cpu_partial=6")
        self.assertTrue(switches["is_default"]["seed"])

    def test_columns_have_units(self):
        results = slablab.run(TRACE, **SMALL)
        self.assertEqual(results.units("locks")["wait_total_cycles"], "cycles")
        self.assertEqual(results.units("footprint")["slab_bytes"], "bytes")
        self.assertEqual(results["paths"]["is_free"].dtype, bool)
        self.assertEqual(results.metric_units["peak_slab_bytes"], "bytes")
        listed = program("list", "schema", "--format=csv").decode()
        schema = pd.read_csv(io.StringIO(listed), keep_default_na=False)
        pd.testing.assert_frame_equal(schema.drop(columns="position"), results.schema)

    def test_progress_is_told(self):
        seen = []
        slablab.run(workload="hackbench", set={"groups": 20, "loops": 40}, machine="xeon-8380",
                    progress=seen.append).close()
        self.assertTrue(seen)
        self.assertTrue(all(0 <= each.percent <= 100 for each in seen if each.percent), seen)

    def test_progress_is_told_apart_from_messages(self):
        script = self.folder / "slablab"
        script.write_text(
            "#!/bin/sh\n"
            "printf '\\r\\033[Kslub (1 of 2): 12 %%, 3 k of 25 k events' >&2\n"
            "printf '\\r\\033[Kslub (2 of 2): 7 k events' >&2\n"
            "printf '\\r\\033[K' >&2\n"
            "printf 'slablab: a.slt: no such\\nslablab: file\\n' >&2\n"
            "exit 2\n")
        script.chmod(0o755)
        named = os.environ["SLABLAB"]
        self.addCleanup(os.environ.__setitem__, "SLABLAB", named)
        os.environ["SLABLAB"] = str(script)
        seen = []
        with self.assertRaises(slablab.InputError) as caught:
            slablab.run("a.slt", progress=seen.append)
        self.assertEqual(str(caught.exception), "a.slt: no such\nfile")
        self.assertEqual([(each.what, each.percent) for each in seen],
                         [("slub (1 of 2)", 12), ("slub (2 of 2)", None)])

    def test_temporary_files_go_with_their_results(self):
        with slablab.run(TRACE, **SMALL) as results:
            self.assertTrue(results.path.exists())
        self.assertFalse(results.path.parent.exists())


class CompareTest(FolderTest):
    def test_runs_stand_side_by_side(self):
        results = slablab.compare(TRACE, allocators=["slub-6.1", "slab"], seeds=2, **SMALL)
        self.assertEqual(list(results.runs["label"]), ["slub-6.1", "slub-6.1", "slab", "slab"])
        self.assertEqual(list(results.runs["repeat"]), [0, 1, 0, 1])
        self.assertEqual(set(results["delta"]["label"]), {"slab"})
        rows = csv_table("delta", "compare", *WORDS, "--allocators=slub-6.1,slab", "--seeds=2")
        frame = results["delta"]
        self.assertEqual(len(rows), len(frame))
        for row, (_, stored) in zip(rows, frame.iterrows()):
            # CSV keeps a spreadsheet from taking "=" for a formula.
            self.assertEqual(row["mark"].lstrip("'"), stored["mark"])
            if row["candidate"]:
                self.assertEqual(float(row["candidate"]), stored["candidate"])

    def test_json_lines_are_a_line_a_run(self):
        lines = program("compare", *WORDS, "--allocators=slub-6.1,slab", "--seeds=2",
                        "--format=jsonl").decode().splitlines()
        runs = [json.loads(line) for line in lines]
        self.assertEqual([(run["label"], run["repeat"]) for run in runs],
                         [("slub-6.1", 0), ("slub-6.1", 1), ("slab", 0), ("slab", 1)])
        results = slablab.compare(TRACE, allocators=["slub-6.1", "slab"], seeds=2, **SMALL)
        self.assertEqual([int(run["result"]["totals"]["operation_cycles"]) for run in runs],
                         list(results["totals"]["operation_cycles"]))


class SweepTest(FolderTest):
    def test_points_have_their_values_and_metrics(self):
        spec = self.folder / "s.textproto"
        spec.write_text(SWEEP % TRACE)
        results = slablab.sweep(spec, workers=2)
        points = results.points
        self.assertEqual(len(points), 12)
        self.assertEqual(points["cpus"].dtype, "int64")
        done = points[points["refused"] == ""]
        refused = points[points["refused"] != ""]
        self.assertEqual(set(refused["allocator"]), {"slab"})  # It has no cpu_partial.
        self.assertEqual(len(done), 6)
        self.assertTrue(done["cycles_per_operation"].notna().all())
        self.assertTrue(refused["run"].isna().all())
        # As the other formats have it.
        rows = list(csv.DictReader(io.StringIO(
            program("sweep", "merge", str(spec), "--format=csv").decode())))
        self.assertEqual([row["point"] for row in rows], list(points.index))
        for row in rows:
            self.assertEqual(row["refused"], points["refused"][row["point"]])
            if not row["refused"]:
                self.assertEqual(float(row["cycles_per_operation"]),
                                 points["cycles_per_operation"][row["point"]])
        lines = program("sweep", "merge", str(spec), "--format=jsonl").decode().splitlines()
        self.assertEqual([json.loads(line)["values"]["cpus"] for line in lines],
                         [str(value) for value in points["cpus"]])
        self.assertEqual([json.loads(line)["result"] is None for line in lines],
                         list(points["run"].isna()))
        # However the points were done.
        again = slablab.sweep(spec, folder=self.folder / "other", workers=1)
        self.assertEqual(again.path.read_bytes(), results.path.read_bytes())


class FaultTest(FolderTest):
    def test_errors_carry_what_the_program_said(self):
        for progress in [None, lambda _: None]:
            with self.assertRaises(slablab.InputError) as caught:
                slablab.run(TRACE, machine="nosuch", progress=progress)
            self.assertIn("nosuch", str(caught.exception))
            self.assertNotIn("slablab: ", str(caught.exception))
            self.assertEqual(caught.exception.exit_status, 2)
            self.assertIn("--machine=nosuch", caught.exception.command)

    def test_files_of_others_are_refused(self):
        path = self.folder / "other.sqlite"
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE t(a)")
        other.close()
        with self.assertRaisesRegex(slablab.SchemaError, "not a file of slablab's"):
            slablab.open_results(path)
        later = self.folder / "later.sqlite"
        slablab.run(TRACE, output=later, **SMALL).close()
        with sqlite3.connect(later) as changed:
            changed.execute("PRAGMA user_version = 2")
        changed.close()
        with self.assertRaisesRegex(slablab.SchemaError, "its schema is 2"):
            slablab.open_results(later)
        nothing = self.folder / "nothing"
        nothing.write_bytes(b"x")
        with self.assertRaises(slablab.InputError):
            slablab.open_results(nothing)

    def test_a_table_that_is_not_there_is_named_with_those_that_are(self):
        with slablab.run(TRACE, **SMALL) as results:
            with self.assertRaisesRegex(KeyError, "no table 'lock'.*locks"):
                results["lock"]

    def test_the_program_is_found(self):
        named = os.environ.pop("SLABLAB")
        self.addCleanup(os.environ.__setitem__, "SLABLAB", named)
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = f"{Path(named).parent}:{path}"
        self.assertEqual(slablab.program(), named)
        os.environ["PATH"] = str(self.folder)
        try:
            self.assertTrue(slablab.program().endswith("/slablab"))  # of the clone
        except FileNotFoundError as error:
            self.assertIn("SLABLAB", str(error))

    def test_a_terminal_gets_no_database(self):
        import pty
        ours, theirs = pty.openpty()
        done = subprocess.run([slablab.program(), "run", *WORDS, "--format=sqlite"], stdout=theirs,
                              stderr=subprocess.PIPE, text=True, check=False)
        os.close(theirs)
        os.close(ours)
        self.assertEqual(done.returncode, 2)
        self.assertIn("-o FILE", done.stderr)


if __name__ == "__main__":
    unittest.main()
