// Several adapters at once: their changes of a weight add up.
//
// s1 B1 A1 + s2 B2 A2 = [s1 B1, s2 B2] [A1; A2]: the rows of all A one under the other and the
// columns of all B side by side are one adapter more, of the ranks' sum.
'use strict';

lab_parts.mixing = () => {
  const MOST_RANK = 128; // the smaller side of the model's matrices

  // pairs: [[adapter, weight], ...] -> the adapter whose change is the weighted sum of theirs.
  function mix(pairs) {
    const lora = Array.isArray(pairs) && pairs.length > 0 && pairs.every((pair) =>
      Array.isArray(pair) && pair[0]?.kind === 'lora' && Number.isFinite(pair[1]));
    if (!lora) {
      throw new RangeError('mix takes a list of [LoRA adapter, weight], a finite number');
    }
    const rank = pairs.reduce((sum, [adapter]) => sum + adapter.rank, 0);
    if (rank > MOST_RANK) {
      throw new RangeError(`the ranks' sum is ${rank}, it must be at most ${MOST_RANK}`);
    }
    const names = new Set(pairs.flatMap(([{ arrays }]) => Object.keys(arrays)));
    const arrays = Object.fromEntries([...names].map((name) =>
      [name, name.endsWith('lora_A') ? stacked(pairs, name, rank) : joined(pairs, name, rank)]));
    const targets = [...new Set(pairs.flatMap(([adapter]) => adapter.targets))];
    return { kind: 'lora', task: null, bits: pairs[0][0].bits, rank, alpha: rank, targets, arrays };
  }

  const shape_of = (pairs, name) =>
    pairs.map(([{ arrays }]) => arrays[name]).find((array) => array).shape;

  // A: (rank, d_in); rows of zeros where an adapter has none here.
  function stacked(pairs, name, rank) {
    const columns = shape_of(pairs, name)[1], numbers = new Float32Array(rank * columns);
    let row = 0;
    for (const [adapter] of pairs) {
      const own = adapter.arrays[name];
      if (own) numbers.set(own.numbers, row * columns);
      row += adapter.rank;
    }
    return { shape: [rank, columns], numbers };
  }

  // B: (d_out, rank), each part times its weight and its own alpha / r: the whole's alpha / r is 1.
  function joined(pairs, name, rank) {
    const [rows] = shape_of(pairs, name), numbers = new Float32Array(rows * rank);
    let column = 0;
    for (const [adapter, weight] of pairs) {
      const own = adapter.arrays[name], factor = (weight * adapter.alpha) / adapter.rank;
      for (let i = 0; own && i < rows; i++) {
        for (let k = 0; k < adapter.rank; k++) {
          numbers[i * rank + column + k] = factor * own.numbers[i * adapter.rank + k];
        }
      }
      column += adapter.rank;
    }
    return { shape: [rows, rank], numbers };
  }

  return { mix };
};
