"""Measure the model in the page in a Chromium, and print a table.

    python -m benchmarks.page [--kernels js] [--weights float16]

Times are of one worker, or of the page's own thread, on whatever else the machine does.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from lab_data import write_lab_data  # noqa: E402

from tools import browser  # noqa: E402
from tools.lab_page import LAB, SCRIPTS, write_page  # noqa: E402

#: Milliseconds, each the median of some rounds, of parts on the page's own thread.
PARTS = """(kernels) => {
  const bytes = lab_parts.quantise({}).bytes_of(lab_data.wasm);
  const E = lab.build_engine(kernels === 'wasm' ? bytes : null), rng = E.make_rng(0);
  const own = new E.Lab(lab_data), { model } = own;
  const median = (rounds, call) => {
    const times = Array.from({ length: rounds }, () => {
      const start = performance.now();
      call();
      return performance.now() - start;
    });
    return times.sort((a, b) => a - b)[Math.floor(rounds / 2)];
  };
  const ids = (count) => Array.from({ length: count }, () => Math.floor(1000 * rng()));
  const step = (batch, targets = null) => {
    own.set_base(8);
    if (targets) E.apply_lora_to_model(model, 8, 16, targets, rng);
    const inputs = ids(batch * 32), wanted = ids(batch * 32), optimizer = new E.AdamW();
    return median(7, () => E.train_step(model, optimizer, inputs, wanted, batch, 1e-6));
  };
  const all = E.TARGETS.slice(0, 6), found = {};
  for (const batch of [8, 16]) {
    found[`LoRA step, query and value, ${batch} x 32`] = step(batch, ['query', 'value']);
    found[`LoRA step, all of the blocks, ${batch} x 32`] = step(batch, all);
    found[`full step, ${batch} x 32`] = step(batch);
  }
  own.set_base(8);
  E.apply_lora_to_model(model, 8, 16, all, rng);
  const prompt = ids(24), write = (count) => E.generate(model, prompt, count);
  let strength = 0;
  const dialled = (count) => () => {
    own.set_strength(strength += 0.02);
    write(count);
  };
  found['slider: 24 tokens, all of the blocks'] = median(25, dialled(1));
  found['the same and 20 tokens written'] = median(9, dialled(20));
  found['one token with the KV cache'] = median(9, () => write(40)) / 40;
  found['memory touched, MB'] = E.peak_megabytes();
  return found;
}"""
TRAINING = """async () => {
  const run = await lab.train({});
  return { seconds: run.seconds, heldOut: run.heldOut, factsKept: run.factsKept };
}"""


def weight(data: Path) -> dict[str, int]:
    """Bytes with gzip, as a server sends them."""
    code = b"".join((LAB / f"{name}.js").read_bytes() for name in SCRIPTS)
    return {"code, bytes with gzip": len(gzip.compress(code)),
            "data, bytes with gzip": len(gzip.compress(data.read_bytes()))}


def measure(kernels: str, weights: str) -> dict[str, Any]:
    """All rows of the table by name."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = Path(folder) / "made.js"
        write_lab_data(data, weights)
        path = write_page(Path(folder), data)
        launched = playwright.chromium.launch(executable_path=browser.find(),
                                              args=list(browser.FLAGS))
        page = launched.new_page()
        page.set_default_timeout(600_000)
        page.goto(path.as_uri())
        ready = page.evaluate("""async (kernels) => {
            const start = performance.now();
            await lab.start(kernels);
            return performance.now() - start;
        }""", kernels)
        rows = {**weight(data), "ready, from the first call": ready, **page.evaluate(TRAINING)}
        rows |= page.evaluate(PARTS, kernels)
        launched.close()
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", choices=("wasm", "js"), default="wasm")
    parser.add_argument("--weights", choices=("int8", "float16"), default="int8")
    given = parser.parse_args()
    print(f"kernels {given.kernels}, weights {given.weights}; milliseconds unless said")
    for name, value in measure(given.kernels, given.weights).items():
        print(f"{name:45} {value:12,.3f}")


if __name__ == "__main__":
    main()
