// What the weights mean that a network gives for keys (expression_keys.py): 0 on a face at rest, 1 as far as it goes.
// The mesh is moved by the weights themselves.

/** @typedef {{rest: number, full: number, measured: boolean}} KeyScale */

const AS_GIVEN = { rest: 0, full: 1, measured: true };

export const scaleOf = (keyScales, name) => keyScales?.[name] ?? AS_GIVEN;

/**
 * What is reported of weights, not clipped; eyes behind their lids look nowhere.
 * @param {string[]} names
 * @param {ArrayLike<number>} weights
 * @param {Record<string, KeyScale> | undefined} keyScales  keys that it lacks are as given
 * @param {{keys: string, iris_seen: number, iris_hidden: number}} gaze  the names of its keys begin so
 */
export function reportedWeights(names, weights, keyScales, gaze) {
  const reported = Array.from(weights, (weight, number) => {
    const { rest, full, measured } = scaleOf(keyScales, names[number]);
    return measured ? (weight - rest) / (full - rest) : 0;
  });
  for (const side of ["Left", "Right"]) {
    const shut = reported[names.indexOf(`eyeBlink${side}`)];
    if (shut === undefined) continue;
    const seen = Math.min(Math.max((gaze.iris_hidden - shut) / (gaze.iris_hidden - gaze.iris_seen), 0), 1);
    names.forEach((name, number) => {
      const isOwn = name.startsWith(gaze.keys) && name.endsWith(side) && keyScales && name in keyScales;
      if (isOwn && number < reported.length) reported[number] *= seen;
    });
  }
  return reported;
}

/** What these leave out, the weights of the face before any key is raised. @returns {number[]} */
export function weightsAtRest(names, weights, keyScales) {
  return Array.from(weights, (weight, number) => {
    const { rest, measured } = scaleOf(keyScales, names[number]);
    return measured ? rest : weight;
  });
}
