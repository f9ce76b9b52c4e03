// The page's LoRA step once more with TensorFlow.js: the same sizes, in its usual way of writing.
// Returns milliseconds, each the median of some rounds.
'use strict';

async function measure_tfjs(batch, time, rank) {
  const SIZE = 128, HEADS = 4, HIDDEN = 512, LAYERS = 4, VOCABULARY = 1000;
  tf.wasm.setWasmPaths('node_modules/@tensorflow/tfjs-backend-wasm/wasm-out/');
  await tf.setBackend('wasm');
  await tf.ready();

  const random = (...shape) => tf.randomNormal(shape, 0, 0.05);
  const layers = Array.from({ length: LAYERS }, () => ({
    query: random(SIZE, SIZE), key: random(SIZE, SIZE), value: random(SIZE, SIZE),
    output: random(SIZE, SIZE), up: random(SIZE, HIDDEN), down: random(HIDDEN, SIZE),
    adapters: {} }));
  const trained = [];
  const variable = (...shape) => {
    const made = tf.variable(random(...shape));
    trained.push(made);
    return made;
  };
  for (const layer of layers) {
    for (const name of ['query', 'key', 'value', 'output', 'up', 'down']) {
      const [d_in, d_out] = layer[name].shape;
      layer.adapters[name] = { A: variable(d_in, rank), B: variable(rank, d_out) };
    }
  }
  const table = random(VOCABULARY, SIZE), head = random(SIZE, VOCABULARY);
  const gamma = tf.ones([SIZE]), beta = tf.zeros([SIZE]);
  const ids = () => tf.tensor1d(Int32Array.from({ length: batch * time }, () =>
    Math.floor(VOCABULARY * Math.random())), 'int32');
  const inputs = ids(), targets = tf.oneHot(ids(), VOCABULARY).toFloat();
  const mask = tf.linalg.bandPart(tf.ones([time, time]), -1, 0).sub(1).mul(1e9);

  const norm = (x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return x.sub(mean).div(variance.add(1e-5).sqrt()).mul(gamma).add(beta);
  };
  const linear = (x, layer, name) => {
    const { A, B } = layer.adapters[name];
    return x.matMul(layer[name]).add(x.matMul(A).matMul(B).mul(2));
  };
  const heads = (x) => x.reshape([batch, time, HEADS, SIZE / HEADS]).transpose([0, 2, 1, 3]);
  const gelu = (x) => x.mul(x.add(x.pow(3).mul(0.044715)).mul(Math.sqrt(2 / Math.PI)).tanh()
    .add(1)).mul(0.5);
  const attention = (x, layer) => {
    const [q, k, v] = ['query', 'key', 'value'].map((name) => heads(linear(x, layer, name)));
    const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(SIZE / HEADS)).add(mask);
    const context = tf.matMul(tf.softmax(scores), v).transpose([0, 2, 1, 3]);
    return linear(context.reshape([batch * time, SIZE]), layer, 'output');
  };
  const loss = () => {
    let x = tf.gather(table, inputs);
    for (const layer of layers) {
      x = x.add(attention(norm(x), layer));
      x = x.add(linear(gelu(linear(norm(x), layer, 'up')), layer, 'down'));
    }
    const logs = tf.logSoftmax(norm(x).matMul(head));
    return logs.mul(targets).sum(-1).mean().neg();
  };
  const optimizer = tf.train.adam(1e-6), times = [];
  for (let round = 0; round < 9; round++) {
    const start = performance.now();
    const value = optimizer.minimize(loss, true, trained);
    value.dataSync();
    value.dispose();
    times.push(performance.now() - start);
  }
  return times.slice(2).sort((a, b) => a - b)[3]; // the first two compile
}
