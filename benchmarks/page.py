"""Measure the model in the page in a Chromium, and print a table.

    python -m benchmarks.page [--kernels js] [--without-tfjs]       (or make bench-page)

On whatever else the machine does: for figures to compare, let it do nothing else. TensorFlow.js is
installed with npm below _build, where there is one.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from lab_data import write_lab_data  # noqa: E402

from benchmarks.lab_page import LAB, served_folder, write_page  # noqa: E402
from tools import browser  # noqa: E402

#: What the page should keep to on two cores of a server's processor, in the rows' units.
GOALS = {"page, MB with gzip": 1.2, "ready, from the first call": 100,
         "LoRA step, all of the blocks, 8 x 32": 20, "the same, two workers": 12,
         "slider: 24 tokens, all of the blocks": 1.5, "the same and 20 tokens written": 4,
         "60 steps of 8 questions, seconds": 1, "longest time that the page was blocked": 50}
TFJS = ("@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0")
TFJS_SCRIPTS = ("tfjs/dist/tf.min.js", "tfjs-backend-wasm/dist/tf-backend-wasm.min.js")

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
    found[`LoRA step, query and value, ${batch} x 32, in one piece`] =
      step(batch, ['query', 'value']);
    found[`LoRA step, all of the blocks, ${batch} x 32, in one piece`] = step(batch, all);
    found[`full step, ${batch} x 32, in one piece`] = step(batch);
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
#: As readers have it: in workers, half a batch each. 8 texts of 32 tokens, of which 31 are learned.
WORKERS = """async () => {
  const pairs = Array.from({ length: 8 }, () => ['a', ' b'.repeat(30)]), steps = 20, found = {};
  for (const workers of [1, 2]) {
    const settings = { pairs, batch: 8, steps, workers, rank: 8, score: false };
    await lab.train({ ...settings, steps: 3 });
    const { seconds } = await lab.train(settings);
    found[workers === 1 ? 'LoRA step, all of the blocks, 8 x 32' : 'the same, two workers'] =
      1000 * seconds / steps;
  }
  return found;
}"""
#: The training that readers find; long tasks are those over 50 ms, during which nothing moves.
TRAINING = """async () => {
  let longest = 0;
  new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => {
    longest = Math.max(longest, duration);
  })).observe({ type: 'longtask' });
  const start = performance.now(), run = await lab.train({ measureEvery: 10 });
  const whole = (performance.now() - start) / 1000;
  return { '60 steps of 8 questions, seconds': run.seconds,
    'and with measuring 6 times and at the end': whole,
    'held-out answers right, %': 100 * run.heldOut, 'facts kept, %': 100 * run.factsKept,
    'longest time that the page was blocked': longest };
}"""


def weights(data: Path) -> dict[str, float]:
    """Megabytes with gzip, as a server sends them: each file alone."""
    code = [*LAB.glob("*.js"), *(LAB / "panels").iterdir()]
    sizes = [sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths) / 1e6
             for paths in (code, [data / "lab-data.js"], [data / "lab-float16.js"])]
    return {"page, MB with gzip": sizes[0] + sizes[1], "of it code": sizes[0],
            "and 16 bits, where they are chosen": sizes[2]}


def measure(kernels: str) -> dict[str, float]:
    """All rows of the table by name."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as name, sync_playwright() as playwright:
        folder, data = Path(name), Path(name) / "data"
        data.mkdir()
        write_lab_data(data)
        path = write_page(folder, data)
        launched, page = opened(playwright)
        page.goto(path.as_uri())
        ready = page.evaluate("""async (kernels) => {
            const start = performance.now();
            await lab.start(kernels);
            return performance.now() - start;
        }""", kernels)
        rows = {**weights(data), "ready, from the first call": ready, **page.evaluate(TRAINING),
                **page.evaluate(WORKERS), **page.evaluate(PARTS, kernels)}
        launched.close()
    return rows


def opened(playwright: Any) -> tuple[Any, Any]:
    """A browser and a page in it."""
    launched = playwright.chromium.launch(executable_path=browser.find(), args=list(browser.FLAGS))
    page = launched.new_page()
    page.set_default_timeout(600_000)
    return launched, page


def measure_tfjs() -> float | str:
    """Milliseconds of a LoRA step of 8 x 32 with TensorFlow.js over WebAssembly, or why not."""
    from playwright.sync_api import sync_playwright

    npm = shutil.which("npm")
    if npm is None:
        return "not measured: there is no npm"
    folder = ROOT / "_build" / "tfjs"
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder),
                           *TFJS], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"not measured: npm says {done.stderr.strip().splitlines()[-1]}"
    shutil.copyfile(Path(__file__).with_name("page_tfjs.js"), folder / "page_tfjs.js")
    scripts = [*(f"node_modules/@tensorflow/{each}" for each in TFJS_SCRIPTS), "page_tfjs.js"]
    (folder / "index.html").write_text("<!doctype html><title>tfjs</title>" + "".join(
        f'<script src="{script}"></script>' for script in scripts), encoding="ascii")
    with (served_folder(folder) as address, sync_playwright() as playwright,
          redirect_stderr(StringIO())):  # the server tells of each request
        launched, page = opened(playwright)
        page.goto(f"{address}index.html")
        found = page.evaluate("measure_tfjs(8, 32, 8)")
        launched.close()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", choices=("wasm", "js"), default="wasm")
    parser.add_argument("--without-tfjs", action="store_true")
    given = parser.parse_args()
    print(f"kernels {given.kernels}; milliseconds unless said; load of the machine before: "
          f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, value in measure(given.kernels).items():
        goal = f"   goal {GOALS[name]:g}" if name in GOALS else ""
        print(f"{name:55} {value:10,.3f}{goal}")
    if not given.without_tfjs:
        found = measure_tfjs()
        words = f"{found:10,.3f}" if isinstance(found, float) else found
        print(f"{'LoRA step, all of the blocks, 8 x 32, TensorFlow.js wasm':55} {words}")


if __name__ == "__main__":
    main()
