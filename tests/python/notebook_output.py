# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0

"""notebook_output.py KEPT NOW: exits with status 1, and says where, if two executed notebooks
differ in what their cells print. Pictures need only be there."""

import difflib
import json
import sys


def printed(path):
    with open(path, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    lines = []
    for number, cell in enumerate(cells):
        lines.append(f"cell {number}:")
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text") or data.get("text/plain", [])
            lines += "".join(text).splitlines()
            lines += [kind for kind in sorted(data) if kind.startswith("image/")]
    return lines


kept, now = map(printed, sys.argv[1:3])
pictures = [line for line in now if line.startswith("image/")]
differences = list(difflib.unified_diff(kept, now, *sys.argv[1:3], lineterm=""))
print("\n".join(differences))
if not pictures:
    print("no picture was drawn")
sys.exit(1 if differences or not pictures else 0)
