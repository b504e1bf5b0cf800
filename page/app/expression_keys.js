// What the weights mean that a network gives for keys (expression_keys.py): 0 on a face at rest, 1 as far as it goes.
// The mesh is moved by the weights themselves.

/** @typedef {{rest: number, full: number, measured: boolean, mix: Record<string, number>, mesh_rest: number}} KeyScale */

/** @type {KeyScale} */
const AS_GIVEN = { rest: 0, full: 1, measured: true, mix: {}, mesh_rest: 0 };

const scaleOf = (keyScales, name) => ({ ...AS_GIVEN, ...keyScales?.[name] });

const isMixed = ({ mix }) => Object.keys(mix).length > 0;

/** What a key is read from: its own weight, or several. */
function reading(number, weights, places, { mix }) {
  const factors = Object.entries(mix);
  if (!factors.length) return weights[number];
  return factors.reduce((sum, [other, factor]) => sum + factor * (weights[places.get(other)] ?? 0), 0);
}

/**
 * What is reported of weights, not clipped; eyes behind their lids look nowhere.
 * @param {string[]} names
 * @param {ArrayLike<number>} weights
 * @param {Record<string, KeyScale> | undefined} keyScales  keys that it lacks are as given
 * @param {{keys: string, iris_seen: number, iris_hidden: number}} gaze  the names of its keys begin so
 */
export function reportedWeights(names, weights, keyScales, gaze) {
  const places = new Map(names.map((name, number) => [name, number]));
  const reported = Array.from(weights, (_, number) => {
    const scale = scaleOf(keyScales, names[number]);
    if (!scale.measured) return 0;
    return (reading(number, weights, places, scale) - scale.rest) / (scale.full - scale.rest);
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
    const scale = scaleOf(keyScales, names[number]);
    if (!scale.measured) return weight;
    return isMixed(scale) ? scale.mesh_rest : scale.rest;
  });
}

/** By how much a reported weight of 1 moves the mesh: all the way, or as far as the network's own weights go. */
export function rangeOnMesh(keyScales, name) {
  const scale = scaleOf(keyScales, name);
  return isMixed(scale) ? 1 : scale.full - scale.rest;
}
