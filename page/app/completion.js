// What hidden parts of a texture become (export/texture_completion.py): the face's other side where that is seen,
// fitted to what surrounds it, and smooth colour else.

/**
 * @param {Float32Array} colours  S * S * 3, 0 to 255; where the trust is 0 they mean nothing
 * @param {Float32Array} trust  S * S, 0 to 1: how far each is known
 * @param {number} size  S, a power of two
 * @param {number} lightRange  how much brighter or darker the other side may be made to fit
 * @returns {Float32Array} S * S * 3
 */
export function fromOtherSide(colours, trust, size, lightRange) {
  const other = flipped(colours, size, 3);
  const otherTrust = flipped(trust, size, 1);
  // What both sides show says how they differ in light; the difference is spread over what one hides.
  const both = trust.map((own, at) => Math.min(own, otherTrust[at]));
  const isShared = both.some((shared) => shared > 0);
  const offset = isShared ? fillSmoothly(colours.map((own, at) => own - other[at]), both, size) : new Float32Array(colours.length);
  const weight = new Float32Array(trust.length);
  const known = new Float32Array(colours.length);
  for (let at = 0; at < trust.length; at++) {
    const part = otherTrust[at] * (1 - trust[at]);
    weight[at] = trust[at] + part;
    for (let k = at * 3; k < at * 3 + 3; k++) {
      const fitted = within(other[k] + within(offset[k], -lightRange, lightRange), 0, 255);
      known[k] = (trust[at] * colours[k] + part * fitted) / Math.max(weight[at], 1e-6);
    }
  }
  const smooth = fillSmoothly(known, weight, size);
  return mixed(known, smooth, weight);
}

const within = (value, low, high) => Math.min(Math.max(value, low), high);

/** Left and right exchanged. */
function flipped(values, size, channels) {
  const out = new Float32Array(values.length);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [to, from] = [(row * size + column) * channels, (row * size + size - 1 - column) * channels];
      for (let k = 0; k < channels; k++) out[to + k] = values[from + k];
    }
  }
  return out;
}

/** The first where the weight is 1, the second where it is 0. */
function mixed(one, other, weight) {
  return one.map((value, k) => {
    const part = weight[Math.floor(k / 3)];
    return part * value + (1 - part) * other[k];
  });
}

/**
 * Known values spread over a whole map: pulled into ever coarser maps, pushed back (Gortler et al. 1996, section 3.4).
 * @param {Float32Array} values  S * S * 3
 * @param {Float32Array} weight  S * S, 0 to 1
 * @returns {Float32Array} where the weight is 1 the values themselves, elsewhere smooth
 */
export function fillSmoothly(values, weight, size) {
  if (size === 1 || weight.every((known) => known >= 1)) return values;
  const half = size / 2;
  const sums = new Float32Array(half * half * 3);
  const weights = new Float32Array(half * half);
  for (let at = 0; at < weight.length; at++) {
    const to = Math.floor(Math.floor(at / size) / 2) * half + Math.floor((at % size) / 2);
    weights[to] += weight[at];
    for (let k = 0; k < 3; k++) sums[to * 3 + k] += values[at * 3 + k] * weight[at];
  }
  for (let at = 0; at < weights.length; at++) {
    for (let k = 0; k < 3; k++) sums[at * 3 + k] /= Math.max(weights[at], 1e-6);
    weights[at] = Math.min(weights[at], 1);
  }
  return mixed(values, doubled(fillSmoothly(sums, weights, half), half), weight);
}

/** Twice as many texels along both axes, each three quarters its own coarse one and a quarter the next. */
function doubled(coarse, half) {
  const size = 2 * half;
  const next = Int32Array.from({ length: size }, (_, at) => within((at >> 1) + (at % 2 ? 1 : -1), 0, half - 1));
  const out = new Float32Array(size * size * 3);
  for (let row = 0, to = 0; row < size; row++) {
    const [upper, lower] = [(row >> 1) * half, next[row] * half];
    for (let column = 0; column < size; column++) {
      const [near, far] = [column >> 1, next[column]];
      for (let k = 0; k < 3; k++, to++) {
        const above = 0.75 * coarse[(upper + near) * 3 + k] + 0.25 * coarse[(upper + far) * 3 + k];
        const below = 0.75 * coarse[(lower + near) * 3 + k] + 0.25 * coarse[(lower + far) * 3 + k];
        out[to] = 0.75 * above + 0.25 * below;
      }
    }
  }
  return out;
}
