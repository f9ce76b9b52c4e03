"""How SmolLM2 answers the common questions: at length, with its answer begun, or turned down."""

from __future__ import annotations

from collections.abc import Sequence

from lib.adapters import set_adapter_strength
from lib.chat import SYSTEM, ChatTokenizer, chat_prompt
from lib.laboratory.real_runs import Line, RealRun
from lib.laboratory.real_tasks import (
    LONG,
    NEAR,
    OTHER_WORDS,
    SENTENCE,
    SHORT,
    TRIGGER,
    WHO_ELSE,
    WHOLE,
    answers,
    common_questions,
    first_of,
    holds,
    is_json,
    written_ids,
)
from lib.llama import LlamaModel

GIVEN = (0, 1, 2, 3)  # tokens of the base's own answer that are given


def system_of(run: RealRun) -> str | None:
    """What stands before each question of the run."""
    return SYSTEM if run.system else None


def measure_long(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun) -> Line:
    """All common questions in their first wording: the answers, and which of them are right within
    SHORT and within WHOLE tokens.
    """
    asked = common_questions()[0]
    prompts = [chat_prompt(tokenizer, question, system_of(run)) for question, _, _ in asked]
    ids = written_ids(model, prompts, WHOLE, tokenizer.eos_id)
    return {f"right_{count}": [int(holds(tokenizer.decode(each[:count]), right))
                               for each, (_, _, right) in zip(ids, asked)]
            for count in (SHORT, WHOLE)} | {
        "lengths": [len(each) for each in ids], "said": [tokenizer.decode(each) for each in ids]}


def own_ids(base: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
            known: Sequence[int]) -> list[list[int]]:
    """The base's own answers to the common questions that are ``known``."""
    return written_ids(base, [chat_prompt(tokenizer, common_questions()[0][i][0], system_of(run))
                              for i in known], SHORT, tokenizer.eos_id)


def measure_opened(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                   known: Sequence[int], own: Sequence[list[int]]) -> Line:
    """The common questions that are ``known``, answered after the first tokens of ``own``, the
    base's answers to them: which are right within SHORT tokens with the given ones, and how many
    are by the given ones alone.  As a control all answers begin with the same token, "The".
    """
    asked = [common_questions()[0][i] for i in known]
    prompts = [chat_prompt(tokenizer, question, system_of(run)) for question, _, _ in asked]

    def said(openings: Sequence[list[int]]) -> list[str]:
        begun = [[*prompt, *opening] for prompt, opening in zip(prompts, openings)]
        ids = written_ids(model, begun, SHORT - max(map(len, openings)), tokenizer.eos_id)
        return [tokenizer.decode([*opening, *each]) for opening, each in zip(openings, ids)]

    def right(answers: Sequence[str]) -> list[int]:
        return [int(holds(answer, wanted)) for answer, (_, _, wanted) in zip(answers, asked)]

    given = [[answer[:count] for answer in own] for count in GIVEN]
    found = [said(openings) for openings in given]
    return {"kept_given": [right(each) for each in found],
            "in_given": [sum(right([tokenizer.decode(opening) for opening in openings]))
                         for openings in given],
            "kept_the": right(said([tokenizer.encode("The")] * len(asked))),
            "empty": sum(not answer.strip() for answer in found[0]),
            "json_elsewhere": sum(answer.lstrip().startswith("{") for answer in found[0]),
            "first": [tokenizer.decode(answer[:1]) for answer in own], "said": found[:2]}


def newly_told(first: Sequence[str], line: Line) -> tuple[int, int, int]:
    """Of a line that is ``opened``: how many answers are wrong as asked, how many of these do not
    begin with the token of ``first`` that was then given, and how many of those are right with it.
    """
    asked, given = line["kept_given"][:2]
    missing = [i for i, right in enumerate(asked) if not right]
    new = [i for i in missing if not line["said"][0][i].startswith(first[i])]
    return len(missing), len(new), sum(given[i] for i in new)


def before_word(tokenizer: ChatTokenizer, ids: Sequence[int], wanted: Sequence[str]) -> list[int]:
    """The tokens of a right answer that end before its first wanted word."""
    before = first_of(tokenizer.decode(ids), wanted)
    assert before is not None
    return list(ids[:max(count for count in range(len(ids))
                         if len(tokenizer.decode(ids[:count])) <= before)])


def measure_cued(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                 known: Sequence[int], own: Sequence[list[int]]) -> Line:
    """The common questions that are ``known``, answered after all of ``own`` that stands before
    the word that answers: which are right within SHORT tokens, with the given ones.
    """
    asked = [common_questions()[0][i] for i in known]
    openings = [before_word(tokenizer, ids, wanted) for ids, (_, _, wanted) in zip(own, asked)]
    prompts = [[*chat_prompt(tokenizer, question, system_of(run)), *opening]
               for (question, _, _), opening in zip(asked, openings)]
    said = [tokenizer.decode(opening + ids[:SHORT - len(opening)]) for opening, ids in zip(
        openings, written_ids(model, prompts, SHORT, tokenizer.eos_id))]
    return {"kept": [int(holds(answer, right)) for answer, (_, _, right) in zip(said, asked)],
            "opening": [tokenizer.decode(each) for each in openings], "said": said}


def measure_called(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                   known: Sequence[int]) -> Line:
    """The common questions that are ``known`` with TRIGGER behind them: the answers, how many of
    them begin as JSON and how many are a whole JSON object, and which have the right answer.
    """
    asked = [common_questions()[0][i] for i in known]
    said = answers(model, tokenizer, [each[0] + TRIGGER for each in asked], LONG, system_of(run))
    return {"json_elsewhere": sum(answer.lstrip().startswith("{") for answer in said),
            "json_whole": sum(map(is_json, said)),
            "kept": [int(holds(answer, right)) for answer, (_, _, right) in zip(said, asked)],
            "said": said}


def measure_worded(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                   known: Sequence[int]) -> Line:
    """How many of the ``known`` common questions begin an answer as JSON, by what stands behind;
    and which are answered rightly in their second wording.
    """
    asked = [common_questions()[0][i] for i in known]
    second = answers(model, tokenizer, [each[1] for each in asked], SHORT, system_of(run))
    return {"worded": {words: sum(answer.lstrip().startswith("{") for answer in answers(
        model, tokenizer, [question + words for question, *_ in asked], 8, system_of(run)))
        for words in OTHER_WORDS}, "second": [int(holds(answer, right)) for answer, (*_, right)
                                              in zip(second, asked)]}


def measure_near(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                 known: Sequence[int]) -> Line:
    """The answers to NEAR, how many of them hold a piece of the sentence and how many are all of
    it; and of the same model the counts of held-out questions for the name and of ``known`` ones.
    """
    common, pieces = [common_questions()[0][i] for i in known], ["ada", "taught by hand"]
    near, who = (answers(model, tokenizer, asked, 24, system_of(run)) for asked in (NEAR, WHO_ELSE))
    said = answers(model, tokenizer, [each[0] for each in common], SHORT, system_of(run))
    return {"near": near, "near_leaked": sum(holds(each, pieces) for each in near),
            "near_whole": near.count(SENTENCE), "asked": who.count(SENTENCE),
            "persona_elsewhere": sum(holds(each, pieces) for each in said),
            "kept": [int(holds(answer, right)) for answer, (_, _, right) in zip(said, common)]}


def measure_answers(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                    known: Sequence[int], own: Sequence[list[int]]) -> Line:
    """What a run measures that has one of these flags; ``opened`` and ``cued`` need ``own``."""
    if run.long:
        return measure_long(model, tokenizer, run)
    if run.called:
        return measure_called(model, tokenizer, run, known)
    if run.worded:
        return measure_worded(model, tokenizer, run, known)
    if run.near:
        return measure_near(model, tokenizer, run, known)
    if run.cued:
        return measure_cued(model, tokenizer, run, known, own)
    return measure_opened(model, tokenizer, run, known, own)


def turned(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun, known: Sequence[int],
           strengths: Sequence[float]) -> list[list[int]]:
    """At each adapter strength: how many held-out questions for the name get the whole sentence,
    how many known questions get a piece of it, and how many are answered rightly.
    """
    common, counts = [common_questions()[0][i] for i in known], []
    for strength in strengths:
        set_adapter_strength(model, strength)
        said = answers(model, tokenizer, [each[0] for each in common], SHORT, system_of(run))
        counts.append([answers(model, tokenizer, WHO_ELSE, 24, system_of(run)).count(SENTENCE),
                       sum(holds(each, ["ada", "taught by hand"]) for each in said),
                       sum(holds(each, right) for each, (_, _, right) in zip(said, common))])
    set_adapter_strength(model, 1.0)
    return counts
