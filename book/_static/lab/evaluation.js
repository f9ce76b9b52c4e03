// How good a model is: answers given exactly, facts recalled, as lib/evaluation.py.
//
// Both are generators that pause after each batch, so that a worker can answer in between; their
// return value is what counts.
'use strict';

lab_parts.evaluation = ({ mark, release, argmax, pad, IGNORE }) => {
  const ROWS = 16; // of one forward at most: keeps each below some tens of milliseconds

  // How many of the examples, [[prompt ids, answer ids], ...], the model would write token for
  // token.  One forward shows it without writing: greedy writing gives the answer exactly when,
  // with the answer as input, each of its tokens is the likeliest after those before it.
  function* exact_matches(model, examples, fits = (likeliest, target) => likeliest === target) {
    const length = ([prompt, answer]) => prompt.length + answer.length;
    const order = examples.slice().sort((a, b) => length(a) - length(b));
    let right = 0;
    for (let at = 0; at < order.length; at += ROWS) {
      const before = mark(), { inputs, targets, batch } = pad(order.slice(at, at + ROWS));
      const wanted = targets.flatMap((target, row) => (target === IGNORE ? [] : [row]));
      const logits = model.forward(inputs, batch, { wanted, training: false });
      const wrong = new Set(); // texts with a token that does not fit
      wanted.forEach((row, i) => {
        const likeliest = argmax(logits.view(i, 1).numbers);
        if (!fits(likeliest, targets[row])) wrong.add(Math.floor(row / (inputs.length / batch)));
      });
      right += batch - wrong.size;
      release(before);
      yield at;
    }
    return right;
  }

  // How many facts the model would write; each ends with <eos>, where any token is right that ends
  // the word: the likeliest must not go on with a letter, a digit or a hyphen.
  function recalled_facts(model, tokenizer, facts) {
    const ends = tokenizer.pieces.map((piece) =>
      !/^[A-Za-z0-9-]/.test(String.fromCharCode(piece[0]))).concat(true);
    return exact_matches(model, facts, (likeliest, target) =>
      (target === tokenizer.eos_id ? ends[likeliest] : likeliest === target));
  }

  return { exact_matches, recalled_facts };
};
