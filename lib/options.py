"""The options of ``python -m lib``: what each command takes, and what it takes by default."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.chat_finetuning import ChatTuning
from lib.corpus.tasks import TASKS
from lib.finetuning import LEARNING_RATES, FineTuning
from lib.lora import ALL_TARGETS
from lib.pretraining import Recipe

GPT, SMOLLM2 = "gpt", "smollm2"  # the models that finetune takes


def whole(text: str) -> int:
    """A whole number from 0 on, as a seed has to be."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(prog="python -m lib", description=(
        "A GPT of 1,044,736 parameters in NumPy, and SmolLM2 of 134,515,008: train the one, "
        "fine-tune both, let them write."))
    commands = main.add_subparsers(dest="command", required=True)

    add = commands.add_parser("pretrain", help="train the base model from nothing")
    add.add_argument("--seed", type=whole, default=0)
    add.add_argument("--steps", type=int, default=Recipe.steps)
    add.add_argument("--workers", type=int, default=2, help="threads (default: 2)")
    add.add_argument("--out", type=Path, help="default: runs/base-seed<seed>.npz")

    add = commands.add_parser("finetune", help="fine-tune a model on a task, or on a file")
    add.add_argument("--model", choices=(GPT, SMOLLM2), default=GPT,
                     help=f"{SMOLLM2}: LoRA on the file --data, after make real-model")
    add.add_argument("--data", type=Path, metavar="FILE.jsonl", help=(
        f"for {SMOLLM2}: one JSON object a line, {{\"prompt\": ..., \"completion\": ...}}"))
    add.add_argument("--task", choices=TASKS, help="for gpt (default: qa)")
    add.add_argument("--method", choices=tuple(LEARNING_RATES), default="lora")
    small, real = FineTuning(), ChatTuning()
    for name, kind in (("rank", int), ("alpha", float), ("learning-rate", float), ("steps", int)):
        field = name.replace("-", "_")
        of_gpt = LEARNING_RATES if field == "learning_rate" else getattr(small, field)
        add.add_argument(f"--{name}", type=kind,
                         help=f"default: {of_gpt}, for {SMOLLM2} {getattr(real, field)}")
    of_gpt, of_real = (" ".join(run.target_modules) for run in (small, real))
    add.add_argument("--targets", nargs="+", choices=ALL_TARGETS,
                     help=f"default: {of_gpt}, for {SMOLLM2} {of_real}")
    add.add_argument("--seed", type=whole, default=0)
    add.add_argument("--base", type=Path, help="for gpt (default: the committed base model)")
    add.add_argument("--out", type=Path, help=f"default: runs/<task>-<method>.npz, "
                                              f"for {SMOLLM2} runs/{SMOLLM2}-<file>.npz")

    add = commands.add_parser("lab", help="do the declared runs that the results file lacks")
    add.add_argument("groups", nargs="*", metavar="group",
                     help="default: all; an unknown one is answered with the names of all")
    add.add_argument("--jobs", type=int, default=2, help="runs side by side (default: 2)")
    add.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler, such as "
                     "tcp://10.0.0.5:8786: its workers do the runs, one each at a time")
    add.add_argument("--out", type=Path, help="default: the committed results")

    add = commands.add_parser("generate", help="let a model write")
    add.add_argument("--model", help=f"a file in runs/, a folder of PEFT's, 'base' or '{SMOLLM2}' "
                     f"(default: the newest file of finetune in runs/, else the base model)")
    add.add_argument("--chat", action="store_true", help=(
        f"for {SMOLLM2}: the prompt is a question to answer (default: each line typed)"))
    add.add_argument("--prompt", help="text to continue (default: questions of the task about "
                                      "countries outside the training set)")
    add.add_argument("--max-new-tokens", type=int, default=40)
    add.add_argument("--temperature", type=float, default=0.0, help="0 (default) is greedy")
    add.add_argument("--top-k", type=int)
    add.add_argument("--top-p", type=float)
    add.add_argument("--seed", type=whole, default=0)

    add = commands.add_parser("export", help=f"write adapters of {SMOLLM2} for other programs")
    add.add_argument("--model", required=True, help="a file in runs/")
    add.add_argument("--to", choices=("peft",), required=True, help="Hugging Face's PEFT")
    add.add_argument("--out", type=Path, help="a folder (default: the file's name without .npz)")
    return main
