"""python -m lib pretrain | finetune | lab | generate"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lib.adapters import attach_adapters, load_adapters, save_adapters
from lib.checkpoint import fingerprint, load_arrays
from lib.corpus.tasks import TASKS
from lib.finetuning import LEARNING_RATES, FineTuning, finetune, sample_questions, scores
from lib.generation import complete, start_of_text
from lib.lora import TARGETS
from lib.model import GPTModel
from lib.pretraining import BASE, RUNS, STATE, Recipe, load_base, load_history, pretrain
from lib.tokenizer import BPETokenizer
from lib.training import trainable_count


def whole(text: str) -> int:
    """A whole number from 0 on, as a seed has to be."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(prog="python -m lib", description=(
        "A GPT of 1,044,736 parameters in NumPy: train it, fine-tune it, let it write."))
    commands = main.add_subparsers(dest="command", required=True)

    add = commands.add_parser("pretrain", help="train the base model from nothing")
    add.add_argument("--seed", type=whole, default=0)
    add.add_argument("--steps", type=int, default=Recipe.steps)
    add.add_argument("--workers", type=int, default=2, help="threads (default: 2)")
    add.add_argument("--out", type=Path, help="default: runs/base-seed<seed>.npz")
    add.set_defaults(run=run_pretrain)

    add = commands.add_parser("finetune", help="fine-tune the base model on a task")
    add.add_argument("--task", choices=TASKS, default="qa")
    add.add_argument("--method", choices=tuple(LEARNING_RATES), default="lora")
    add.add_argument("--rank", type=int, default=FineTuning.rank)
    add.add_argument("--alpha", type=float, default=FineTuning.alpha)
    add.add_argument("--targets", nargs="+", choices=TARGETS, default=FineTuning.target_modules)
    add.add_argument("--learning-rate", type=float, help=f"default: {LEARNING_RATES}")
    add.add_argument("--steps", type=int, default=FineTuning.steps)
    add.add_argument("--seed", type=whole, default=0)
    add.add_argument("--base", type=Path, help="default: the committed base model")
    add.add_argument("--out", type=Path, help="default: runs/<task>-<method>.npz")
    add.set_defaults(run=run_finetune)

    add = commands.add_parser("lab", help="do the declared runs that the results file lacks")
    add.add_argument("groups", nargs="*", metavar="group",
                     help="default: all; an unknown one is answered with the names of all")
    add.add_argument("--jobs", type=int, default=2, help="runs side by side (default: 2)")
    add.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler, such as "
                     "tcp://10.0.0.5:8786: its workers do the runs, one each at a time")
    add.add_argument("--out", type=Path, help="default: the committed results")
    add.set_defaults(run=run_lab)

    add = commands.add_parser("generate", help="let a model write")
    add.add_argument("--model", help="a file in runs/, or 'base' (default: the newest file of "
                                     "finetune in runs/, else the base model)")
    add.add_argument("--prompt", help="text to continue (default: questions of the task about "
                                      "countries outside the training set)")
    add.add_argument("--max-new-tokens", type=int, default=40)
    add.add_argument("--temperature", type=float, default=0.0, help="0 (default) is greedy")
    add.add_argument("--top-k", type=int)
    add.add_argument("--top-p", type=float)
    add.add_argument("--seed", type=whole, default=0)
    add.set_defaults(run=run_generate)
    return main


def run_pretrain(args: argparse.Namespace) -> None:
    """Train the base model; a second call goes on where the first was stopped."""
    path = args.out or RUNS / f"base-seed{args.seed}.npz"
    started = time.perf_counter()
    try:
        pretrain(path, Recipe(seed=args.seed, steps=args.steps), args.workers)
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on from the last measurement.")
    last = load_history(path)["history"][-1]
    print(f"{path}: {args.steps} steps in {time.perf_counter() - started:.0f} s, "
          f"held-out loss {last['held_out']:.3f} nats, {last['recall']:.1%} of the facts recalled")
    for prompt, text in last["samples"].items():
        print(f"  {prompt} | {text.strip()}")


def run_finetune(args: argparse.Namespace) -> None:
    """Fine-tune, save the result, and say what it reached; a stopped run goes on."""
    run = FineTuning(args.task, args.method, args.rank, args.alpha, tuple(args.targets),
                     args.learning_rate, args.steps, seed=args.seed)
    path = args.out or RUNS / f"{run.task}-{run.method}.npz"
    state = path.with_suffix(STATE)
    model, tokenizer = load_base(args.base) if args.base else load_base()
    base = fingerprint(model.parameters())
    before = scores(model, tokenizer, run.task)
    try:
        with stopping_after_a_step() as after_step:
            finetune(model, tokenizer, run, f"{run.method} on {run.task}", after_step, state)
    except KeyboardInterrupt:
        sys.exit(f"\nStopped: {state} keeps what there is, and the same command goes on from it."
                 if state.exists() else "\nStopped, and nothing is kept.")
    if run.method == "lora":
        save_adapters(model, path, finetuning=asdict(run), base_arrays=base,
                      base=str(args.base) if args.base else None)
    else:
        model.save(path, merges=tokenizer.merges, finetuning=asdict(run))
    state.unlink(missing_ok=True)
    after = scores(model, tokenizer, run.task)  # last: what is trained is on the disk by now
    print(f"{path}: {path.stat().st_size:,} bytes, {trainable_count(model):,} numbers trained")
    for name, words in (("answers", "held-out answers right"), ("loss", "held-out loss, nats"),
                        ("facts", "facts of pre-training kept")):
        if name in after:
            print(f"  {words:27} {before[name]:.3f} -> {after[name]:.3f}")


@contextmanager
def stopping_after_a_step() -> Iterator[Callable[[int, float], None]]:
    """Ctrl-C raises KeyboardInterrupt from the ``after_step`` given, a second one at once."""
    asked = []

    def ask(*_) -> None:
        asked.append(True)
        signal.signal(signal.SIGINT, usual)

    def after_step(step: int, loss: float) -> None:
        if asked:
            raise KeyboardInterrupt

    usual = signal.signal(signal.SIGINT, ask)
    try:
        yield after_step
    finally:
        signal.signal(signal.SIGINT, usual)


def run_lab(args: argparse.Namespace) -> None:
    """Do what is missing of some groups, and say what each has and how it did."""
    from lib import laboratory  # needs more packages than the library itself

    path = args.out or laboratory.RESULTS
    groups = args.groups or [*laboratory.GROUPS, *laboratory.CHAPTER_GROUPS]
    try:
        laboratory.run_groups(groups, path, args.jobs, args.cluster)
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on with the runs that are missing.")
    for group in groups:
        lines = (laboratory.load_chapter(group, path.parent)
                 if group in laboratory.CHAPTER_GROUPS else laboratory.load_results(group, path))
        print(f"\n{group}: {len(lines)} runs, {sum(line['seconds'] for line in lines) / 60:.0f} "
              f"minutes of one processor; at the learning rate of the {laboratory.CRITERION} "
              f"(*: at the edge of those tried), on test:")
        print(laboratory.summary(lines))
        print(f"made with {laboratory.made_with(lines)}")
    print(f"\n{path}: {path.stat().st_size:,} bytes")


def run_generate(args: argparse.Namespace) -> None:
    """Continue the prompt, or answer some questions of the task."""
    found = (path for path in RUNS.glob("*-*.npz")
             if not path.name.startswith("base-") and not path.name.endswith(STATE))
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    path = args.model or newest or "base"
    model, tokenizer, task = load_run(path)
    print(f"{path}:")
    prompts = [args.prompt] if args.prompt is not None else [
        example.prompt for example in sample_questions(task, 4)]
    rng = np.random.default_rng(args.seed)
    for prompt in prompts:
        room = model.config.context_length - len(start_of_text(tokenizer, prompt))
        text = complete(model, tokenizer, prompt, min(args.max_new_tokens, max(room, 1)),
                        temperature=args.temperature, top_k=args.top_k, top_p=args.top_p, rng=rng)
        print(f"\n{prompt}{text}")


def load_run(path: str | Path) -> tuple[GPTModel, BPETokenizer, str]:
    """A model with its tokenizer and task, from what ``finetune`` or ``pretrain`` wrote.

    Raises:
        ValueError: the file is damaged or something else, or its adapters are of another base
            than the one that is found.
    """
    if path == "base":
        return *load_base(), "qa"
    _, metadata, extra = load_arrays(path, "lora", "gpt")
    task = extra.get("finetuning", {}).get("task", "qa")
    if metadata["kind"] == "lora":
        base = extra.get("base") or BASE
        model, tokenizer = load_base(base)
        # Files of save_adapters alone don't say which base they are of.
        if extra.get("base_arrays") not in (None, fingerprint(model.parameters())):
            raise ValueError(f"the adapters of {path} were trained on another base model than "
                             f"{base} is now: with this one they would write nonsense")
        return attach_adapters(model, load_adapters(path)), tokenizer, task
    if "merges" not in extra:
        raise ValueError(f"{path} holds a model without its tokenizer")
    return GPTModel.load(path), BPETokenizer(extra["merges"]), task


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; bad input ends it with one line."""
    args = parser().parse_args(arguments)
    try:
        args.run(args)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")


if __name__ == "__main__":
    main()
