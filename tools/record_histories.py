"""Pre-train the base model for several seeds and record what they noted, for chapter 5's curves.

    python tools/record_histories.py [0 1 2]      (some minutes a seed; a stopped run goes on)

The models stay in runs/; lib/data/pretraining.json is written anew when all of them are there.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.laboratory import HISTORIES
from lib.pretraining import Recipe, load_history, pretrain
from tools.environment import ROOT

EVERY = 10  # the losses of every tenth step are enough for a curve


def main(seeds: list[int]) -> None:
    """Train what is missing, then write the file."""
    found = {}
    for seed in seeds:
        path = ROOT / "runs" / f"base-{seed}.npz"
        if not path.exists():
            pretrain(path, replace(Recipe(), seed=seed))
        noted = load_history(path)
        found[seed] = {"losses": noted["losses"][::EVERY], "history": noted["history"]}
    HISTORIES.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"Wrote {HISTORIES.relative_to(ROOT)}: {len(found)} seeds")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [0, 1, 2])
