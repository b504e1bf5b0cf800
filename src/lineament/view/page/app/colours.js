// Colours of values: depth as in `lineament align --overlay depth`, visibility from hidden to seen.

const DEPTH = ["#fff7d6", "#ffb054", "#e25460", "#783482", "#1c1c4a"]; // near to far
const SEEN = ["#d0443c", "#e8c35a", "#4fae6a"]; // hidden, at the edge, seen

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);

/** Light as three.js mixes it, from a channel of sRGB. */
const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

function ramp(stops, place) {
  const at = Math.min(Math.max(place, 0), 1) * (stops.length - 1);
  const first = Math.min(Math.floor(at), stops.length - 2);
  const [low, high] = [channels(stops[first]), channels(stops[first + 1])];
  return low.map((value, k) => linear(value + (high[k] - value) * (at - first)));
}

/** Three numbers a vertex. @param {Float32Array} vertices  N * 3 px, depth away from the viewer */
export function depthColours(vertices) {
  let [near, far] = [Infinity, -Infinity];
  for (let at = 2; at < vertices.length; at += 3) {
    near = Math.min(near, vertices[at]);
    far = Math.max(far, vertices[at]);
  }
  const colours = new Float32Array(vertices.length);
  for (let at = 0; at < vertices.length; at += 3) {
    colours.set(ramp(DEPTH, (vertices[at + 2] - near) / Math.max(far - near, 1e-9)), at);
  }
  return colours;
}

/** @param {Float32Array} visibility  N values, 0 to 1 */
export function visibilityColours(visibility) {
  const colours = new Float32Array(visibility.length * 3);
  visibility.forEach((seen, vertex) => colours.set(ramp(SEEN, seen), vertex * 3));
  return colours;
}

/** Hidden parts darker: what a photograph does not show. */
export function photoShades(visibility) {
  const colours = new Float32Array(visibility.length * 3);
  visibility.forEach((seen, vertex) => colours.fill(0.12 + 0.88 * seen, vertex * 3, vertex * 3 + 3));
  return colours;
}
