"""python -m lib pretrain | finetune | lab | generate | export"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import numpy as np

from lib.adapters import attach_adapters, load_adapters, save_adapters
from lib.chat import ChatTokenizer, chat_examples, chat_prompt, replies, reply
from lib.chat_finetuning import ChatTuning, finetune_chat, read_pairs
from lib.checkpoint import fingerprint, load_arrays
from lib.finetuning import FineTuning, finetune, sample_questions, scores
from lib.generation import complete, generate, start_of_text
from lib.model import GPTModel
from lib.options import SMOLLM2, parser
from lib.pretraining import BASE, RUNS, STATE, Recipe, load_base, load_history, pretrain
from lib.smollm2 import load_smollm2
from lib.tokenizer import BPETokenizer
from lib.training import trainable_count


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
    fields = {"rank": args.rank, "alpha": args.alpha, "learning_rate": args.learning_rate,
              "steps": args.steps, "target_modules": args.targets and tuple(args.targets)}
    given = {name: value for name, value in fields.items() if value is not None}
    if args.model == SMOLLM2:
        return run_finetune_chat(args, ChatTuning(**given, seed=args.seed))
    if args.data:
        raise ValueError(f"--data is for --model {SMOLLM2}: the GPT is tuned on a --task")
    run = FineTuning(args.task or "qa", args.method, **given, seed=args.seed)
    path = args.out or RUNS / f"{run.task}-{run.method}.npz"
    state = path.with_suffix(STATE)
    model, tokenizer = load_base(args.base) if args.base else load_base()
    base = fingerprint(model.parameters())
    before = scores(model, tokenizer, run.task)
    try:
        with stopping_after_a_step() as after_step:
            finetune(model, tokenizer, run, f"{run.method} on {run.task}", after_step, state)
    except KeyboardInterrupt:
        say_stopped(state)
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


def run_finetune_chat(args: argparse.Namespace, run: ChatTuning) -> None:
    """The same for SmolLM2 on a file's questions: adapters, and some answers before and after."""
    if args.data is None or args.task or args.base or args.method != "lora":
        raise ValueError(f"--model {SMOLLM2} is tuned with --method lora on a --data FILE.jsonl, "
                         f"without --task and --base")
    pairs = read_pairs(args.data)
    path = args.out or RUNS / f"{SMOLLM2}-{args.data.stem}.npz"
    state = path.with_suffix(STATE)
    model, tokenizer = load_smollm2()
    base = fingerprint(model.parameters())
    context = model.config.context_length
    chat_examples(tokenizer, pairs, context)  # refuses what does not fit before anything is done
    short = [prompt for prompt, _ in pairs if len(chat_prompt(tokenizer, prompt)) + 24 <= context]
    asked = short[::max(1, len(short) // 3)][:3]
    before = replies(model, tokenizer, asked, 24)
    try:
        with stopping_after_a_step() as after_step:
            losses = finetune_chat(model, tokenizer, pairs, run, f"lora on {args.data.name}",
                                   after_step, state)
    except KeyboardInterrupt:
        say_stopped(state)
    save_adapters(model, path, finetuning=asdict(run), base_arrays=base, base=SMOLLM2)
    state.unlink(missing_ok=True)
    print(f"{path}: {path.stat().st_size:,} bytes, {trainable_count(model):,} numbers trained, "
          f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    for prompt, was, now in zip(asked, before, replies(model, tokenizer, asked, 24), strict=True):
        print(f"  {prompt}\n    before: {was}\n    after:  {now}")


def say_stopped(state: Path) -> NoReturn:
    """End the program, and say whether the same command goes on."""
    sys.exit(f"\nStopped: {state} keeps what there is, and the same command goes on from it."
             if state.exists() else "\nStopped, and nothing is kept.")


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
    if args.chat or isinstance(tokenizer, ChatTokenizer):
        return answer(model, tokenizer, args)
    prompts = [args.prompt] if args.prompt is not None else [
        example.prompt for example in sample_questions(task, 4)]
    rng = np.random.default_rng(args.seed)
    for prompt in prompts:
        room = model.config.context_length - len(start_of_text(tokenizer, prompt))
        text = complete(model, tokenizer, prompt, min(args.max_new_tokens, max(room, 1)),
                        temperature=args.temperature, top_k=args.top_k, top_p=args.top_p, rng=rng)
        print(f"\n{prompt}{text}")


def answer(model: GPTModel, tokenizer: ChatTokenizer | BPETokenizer,
           args: argparse.Namespace) -> None:
    """Let SmolLM2 answer the prompt, or each line that is typed; or go on with the prompt."""
    if not isinstance(tokenizer, ChatTokenizer):
        raise ValueError(f"--chat is for {SMOLLM2}: the GPT knows no turns")
    settings = {"temperature": args.temperature, "top_k": args.top_k, "top_p": args.top_p,
                "rng": np.random.default_rng(args.seed)}
    if args.chat:
        typed = sys.stdin if args.prompt is None else [args.prompt]
        for question in filter(None, map(str.strip, typed)):
            room = model.config.context_length - len(chat_prompt(tokenizer, question))
            said = reply(model, tokenizer, question, min(args.max_new_tokens, max(room, 1)),
                         **settings)
            print(f"\n{question}\n{said}", flush=True)
        return
    if not args.prompt:
        raise ValueError(f"{SMOLLM2} needs --chat, or a --prompt to go on with")
    start = tokenizer.encode(args.prompt)
    room = model.config.context_length - len(start)
    written = generate(model, np.array([start]), min(args.max_new_tokens, max(room, 1)),
                       stop_token=tokenizer.eos_id, **settings)
    print(f"\n{args.prompt}{tokenizer.decode(written[0, len(start):].tolist())}")


def run_export(args: argparse.Namespace) -> None:
    """Write the adapters of a file as a folder that PEFT reads."""
    from lib.interchange.peft import save_peft

    folder = args.out or Path(args.model).with_suffix("")
    model, _, _ = load_run(args.model)
    save_peft(model, folder)
    print(f"{folder}: " + ", ".join(f"{path.name} of {path.stat().st_size:,} bytes"
                                    for path in sorted(folder.glob("adapter_*"))))


def load_run(path: str | Path) -> tuple[GPTModel, BPETokenizer | ChatTokenizer, str]:
    """A model with its tokenizer and task, from what ``finetune`` or ``pretrain`` wrote.

    Raises:
        ValueError: the file is damaged or something else, or its adapters are of another base
            than the one that is found.
    """
    if path == "base":
        return *load_base(), "qa"
    if path == SMOLLM2:
        return *load_smollm2(), SMOLLM2
    if Path(path).is_dir():
        from lib.interchange.peft import load_peft

        model, tokenizer = load_smollm2()
        return attach_adapters(model, load_peft(path, model.config)), tokenizer, SMOLLM2
    _, metadata, extra = load_arrays(path, "lora", "gpt")
    task = extra.get("finetuning", {}).get("task", "qa")
    if metadata["kind"] == "lora":
        base = extra.get("base") or BASE
        model, tokenizer = load_smollm2() if base == SMOLLM2 else load_base(base)
        # Files of save_adapters alone don't say which base they are of.
        if extra.get("base_arrays") not in (None, fingerprint(model.parameters())):
            raise ValueError(f"the adapters of {path} were trained on another base model than "
                             f"{base} is now: with this one they would write nonsense")
        return attach_adapters(model, load_adapters(path)), tokenizer, task
    if "merges" not in extra:
        raise ValueError(f"{path} holds a model without its tokenizer")
    return GPTModel.load(path), BPETokenizer(extra["merges"]), task


COMMANDS = {"pretrain": run_pretrain, "finetune": run_finetune, "lab": run_lab,
            "generate": run_generate, "export": run_export}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; bad input ends it with one line."""
    args = parser().parse_args(arguments)
    try:
        COMMANDS[args.command](args)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")


if __name__ == "__main__":
    main()
