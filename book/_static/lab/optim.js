// AdamW, gradient clipping and the learning-rate schedule, as lib/optim.py.
'use strict';

lab_parts.optim = () => {

  // Adam with decoupled weight decay.  Loshchilov and Hutter 2017, algorithm 2.
  // The state is two arrays of each parameter's size, the first and second moments. Decay acts on
  // matrices only, not on the gammas and betas of LayerNorm.
  class AdamW {
    constructor({ betas = [0.9, 0.999], epsilon = 1e-8, weight_decay = 0 } = {}) {
      Object.assign(this, { betas, epsilon, weight_decay, steps: 0, first: {}, second: {} });
    }

    // gradients, parameters: {name: Matrix} of the same names; changes the parameters in place.
    // `shrink` multiplies every gradient first: see clip_gradient_norm.
    step(gradients, parameters, learning_rate, shrink = 1) {
      if (!(learning_rate >= 0 && Number.isFinite(learning_rate))) {
        throw new RangeError(`learning_rate is ${learning_rate}, it must be finite and at least 0`);
      }
      this.steps += 1;
      for (const [name, parameter] of Object.entries(parameters)) {
        this.first[name] ??= new Float32Array(parameter.numbers.length);
        this.second[name] ??= new Float32Array(parameter.numbers.length);
        const decays = parameter.shape.length > 1 ? 1 - learning_rate * this.weight_decay : 1;
        this.update(parameter.numbers, gradients[name].numbers, this.first[name],
          this.second[name], learning_rate, shrink, decays);
      }
    }

    // parameter, gradient, first, second: numbers of one length.
    update(parameter, gradient, first, second, learning_rate, shrink, decays) {
      const [beta1, beta2] = this.betas, { epsilon } = this;
      // The moments start at zero: these two undo their bias towards it.
      const unbias1 = 1 - beta1 ** this.steps, unbias2 = 1 - beta2 ** this.steps;
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i] * shrink;
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        parameter[i] = parameter[i] * decays
          - (learning_rate * (first[i] / unbias1)) / (Math.sqrt(second[i] / unbias2) + epsilon);
      }
    }
  }

  // The one factor for all gradients with which their joint 2-norm is at most max_norm: 1 where
  // nothing needs to shrink.  Pascanu et al. 2013, algorithm 1.
  function clip_gradient_norm(gradients, max_norm) {
    let squares = 0;
    for (const { numbers } of Object.values(gradients)) {
      for (let i = 0; i < numbers.length; i++) squares += numbers[i] * numbers[i];
    }
    const norm = Math.sqrt(squares);
    if (!Number.isFinite(norm)) {
      throw new Error('the norm of the gradients is not finite: a lower learning rate may help');
    }
    return norm <= max_norm ? 1 : max_norm / norm;
  }

  // Learning rate at `step` of `total`: a straight rise, then half a cosine.  It starts at
  // peak / warmup and ends at final * peak.  Radford et al. 2018, section 4.1.
  function warmup_cosine(step, total, peak, warmup = 0, final = 0.05) {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    const done = (step - warmup) / Math.max(1, total - 1 - warmup);
    return peak * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done))));
  }

  return { AdamW, clip_gradient_norm, warmup_cosine };
};
