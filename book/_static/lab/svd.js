// The product B A of an adapter, sorted by how much each of its directions does: its singular value
// decomposition. Truncating the rank is then a bound of a loop. numpy.linalg.svd in Python.
'use strict';

lab_parts.svd = () => {
  const dot = (x, y) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
    return sum;
  };

  // x += factor y
  const add_times = (x, factor, y) => {
    for (let i = 0; i < x.length; i++) x[i] += factor * y[i];
  };

  // r columns X[j] of length n, each a Float64Array, become orthonormal, in place; returns R with
  // X = Q R as rows R[i][j]. Each column loses its parts along those before it, twice: once leaves
  // what rounding brought back.
  function orthonormalise(X) {
    const R = X.map(() => new Float64Array(X.length));
    X.forEach((x, j) => {
      for (let pass = 0; pass < 2; pass++) {
        for (let i = 0; i < j; i++) {
          const part = dot(X[i], x);
          R[i][j] += part;
          add_times(x, -part, X[i]);
        }
      }
      const size = Math.sqrt(dot(x, x));
      R[j][j] = size;
      if (size > 0) x.forEach((value, k) => { x[k] = value / size; });
    });
    return R;
  }

  // Columns G[j] become orthogonal by turning two of them at a time (one-sided Jacobi), in place;
  // the same turns on the columns of an identity, V: so that G_before V = G_after.
  function turn_orthogonal(G) {
    const r = G.length, V = G.map((_, j) => Float64Array.from({ length: r }, (_, i) => +(i === j)));
    for (let sweep = 0, largest = 1; sweep < 40 && largest > 1e-14; sweep++) {
      largest = 0;
      for (let p = 0; p < r; p++) {
        for (let q = p + 1; q < r; q++) {
          const pp = dot(G[p], G[p]), qq = dot(G[q], G[q]), pq = dot(G[p], G[q]);
          const cosine = Math.abs(pq) / Math.sqrt(pp * qq);
          if (!(cosine > 1e-15)) continue; // orthogonal already, or one of them is 0
          largest = Math.max(largest, cosine);
          // the angle at which the two turned columns have no part along each other
          const ratio = (qq - pp) / (2 * pq);
          const tangent = Math.sign(ratio || 1) / (Math.abs(ratio) + Math.sqrt(1 + ratio * ratio));
          const c = 1 / Math.sqrt(1 + tangent * tangent), s = c * tangent;
          turn(G[p], G[q], c, s);
          turn(V[p], V[q], c, s);
        }
      }
    }
    return V;
  }

  function turn(x, y, c, s) {
    for (let k = 0; k < x.length; k++) [x[k], y[k]] = [c * x[k] - s * y[k], s * x[k] + c * y[k]];
  }

  // lora_A (rank, d_in), lora_B (d_out, rank) -> the same product from an A with orthogonal rows
  // and a B with orthogonal columns, the largest first, and the singular values (rank).
  // With B = Q_B R_B and A^T = Q_A R_A, B A = Q_B (R_B R_A^T) Q_A^T: only the (rank, rank) matrix
  // in the middle has to be decomposed.
  function balanced(lora_A, lora_B, rank, d_in, d_out) {
    const rows = Array.from({ length: rank }, (_, j) =>
      Float64Array.from({ length: d_in }, (_, k) => lora_A[j * d_in + k]));
    const columns = Array.from({ length: rank }, (_, j) =>
      Float64Array.from({ length: d_out }, (_, k) => lora_B[k * rank + j]));
    const R_A = orthonormalise(rows), R_B = orthonormalise(columns);
    // column j of the middle R_B R_A^T, whose SVD is (turned / values) diag(values) V^T
    const turned = R_A.map((row) => Float64Array.from(R_B, (other) => dot(other, row)));
    const V = turn_orthogonal(turned), values = turned.map((x) => Math.sqrt(dot(x, x)));
    const order = values.map((_, j) => j).sort((i, j) => values[j] - values[i]);
    const A = new Float32Array(rank * d_in), B = new Float32Array(d_out * rank);
    order.forEach((from, j) => {
      const root = Math.sqrt(values[from]);
      const left = combined(columns, turned[from]), right = combined(rows, V[from]);
      for (let k = 0; k < d_out; k++) B[k * rank + j] = root > 0 ? left[k] / root : 0;
      for (let k = 0; k < d_in; k++) A[j * d_in + k] = right[k] * root;
    });
    return { lora_A: A, lora_B: B, singular_values: order.map((j) => values[j]) };
  }

  // The sum of the columns, each times its weight.
  function combined(columns, weights) {
    const sum = new Float64Array(columns[0].length);
    columns.forEach((column, i) => add_times(sum, weights[i], column));
    return sum;
  }

  return { balanced };
};
