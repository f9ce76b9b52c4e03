"""What a model says as its adapter is turned up from 0 (the base) to 2: measured and recorded.

    python -m lib.laboratory.strength_scan      (half a minute) writes strength.json anew
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lib.adapters import attach_adapters, load_adapters, set_adapter_strength
from lib.evaluation import mean_loss
from lib.finetuning import scores
from lib.generation import complete, next_token_probabilities, start_of_text
from lib.laboratory.experiments import unseen
from lib.model import GPTModel
from lib.pretraining import BASE, load_base
from lib.tokenizer import BPETokenizer

QUESTION = "Q: What is the capital of {country}?"
STRENGTHS = tuple(0.25 * k for k in range(9))  # 0 is the base, 1 as trained
COUNTRIES = ("Japan", "Chile", "Portugal", "France", "Kenya")
RECORD = Path(__file__).with_name("strength.json")
SEEDS = Path(__file__).parent / "data" / "turned_to.json"


def strength_scan(model: GPTModel, tokenizer: BPETokenizer, countries: Sequence[str] = COUNTRIES,
                  strengths: Sequence[float] = STRENGTHS) -> dict[float, dict[str, Any]]:
    """What an adapted model says and knows with its adapter dialled to each strength.

    Returns {strength: {"task": share of held-out questions answered, "facts": share of facts
    kept, country: {"answer": text, "top": [(token, probability), ...] of the five likeliest
    next tokens}, ...}}.  The model's own strength is 1 again at the end.
    """
    found: dict[float, dict[str, Any]] = {}
    for strength in strengths:
        set_adapter_strength(model, strength)
        reached = scores(model, tokenizer, "qa")
        found[strength] = {"task": reached["answers"], "facts": reached["facts"]}
        for country in countries:
            prompt = f"{QUESTION.format(country=country)}\nA:"
            tokens = np.array([start_of_text(tokenizer, prompt)])
            chances = next_token_probabilities(model.forward(tokens, training=False)[0, -1])
            found[strength][country] = {
                "answer": complete(model, tokenizer, prompt, 16),
                "top": [(tokenizer.token_text(i), float(chances[i]))
                        for i in np.argsort(-chances)[:5]]}
    set_adapter_strength(model, 1.0)
    return found


def recorded_scan(path: Path = RECORD) -> dict[float, dict[str, Any]]:
    """The recorded scan of the committed adapter, as ``strength_scan`` returns it.

    Each strength also has ``old``, the loss on old text, in nats.
    """
    return {float(strength): found for strength, found in json.loads(path.read_text()).items()}


def recorded_seeds(seeds: Iterable[int] = range(1, 8),
                   path: Path = SEEDS) -> list[dict[float, dict[str, float]]]:
    """The same shares and loss of more adapters, of other seeds; at 0 all are the base.

    Chapter 13's ``turned_to`` made the record, for seeds 0 to 7.
    """
    runs = json.loads(path.read_text())["runs"]
    base = {name: recorded_scan()[0.0][name] for name in ("task", "facts", "old")}
    return [{0.0: base} | {float(at): dict(zip(base, found))
                           for at, found in runs[f'["lora", 0.005, {seed}]'].items()}
            for seed in seeds]


def main() -> None:
    """Scan the committed adapter, and store what it says to four digits."""
    model, tokenizer = load_base()
    attach_adapters(model, load_adapters(BASE.with_name("qa-lora.npz")))
    found = strength_scan(model, tokenizer)
    for strength, here in found.items():
        here["old"] = mean_loss(set_adapter_strength(model, strength), unseen(0))

    def short(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.4g}")
        if isinstance(value, dict):
            return {name: short(each) for name, each in value.items()}
        return [short(each) for each in value] if isinstance(value, list | tuple) else value

    RECORD.write_text(json.dumps(short(found), indent=1) + "\n")
    print(f"Wrote {RECORD.name}")


if __name__ == "__main__":
    main()
