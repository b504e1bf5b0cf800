// Colours of values: depth as in `lineament align --overlay depth`, visibility from hidden to visible.

const DEPTH = ["#fff7d6", "#ffb054", "#e25460", "#783482", "#221c4a"]; // near to far
const VISIBILITY = ["#d0443c", "#e8c35a", "#4fae6a"]; // hidden, at the edge, visible

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);

/** Light as three.js mixes it, from a channel of sRGB. */
const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

function ramp(stops, place) {
  const at = Math.min(Math.max(place, 0), 1) * (stops.length - 1);
  const first = Math.min(Math.floor(at), stops.length - 2);
  const [low, high] = [channels(stops[first]), channels(stops[first + 1])];
  return low.map((value, k) => linear(value + (high[k] - value) * (at - first)));
}

/** Whether a triangle is seen from outside, in the photo. */
function isFront(vertices, [a, b, c]) {
  const [x, y] = [vertices[a], vertices[a + 1]];
  return (vertices[b] - x) * (vertices[c + 1] - y) < (vertices[b + 1] - y) * (vertices[c] - x);
}

/**
 * Three numbers a vertex; from the nearest to the farthest that is on the front.
 * @param {Float32Array} vertices  N * 3 px, depth away from the viewer
 * @param {Uint16Array | Uint32Array} triangles  M * 3
 */
export function depthColours(vertices, triangles) {
  let [near, far] = [Infinity, -Infinity];
  for (let first = 0; first < triangles.length; first += 3) {
    const corners = [triangles[first] * 3, triangles[first + 1] * 3, triangles[first + 2] * 3];
    if (!isFront(vertices, corners)) continue;
    for (const corner of corners) {
      near = Math.min(near, vertices[corner + 2]);
      far = Math.max(far, vertices[corner + 2]);
    }
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
  visibility.forEach((seen, vertex) => colours.set(ramp(VISIBILITY, seen), vertex * 3));
  return colours;
}

/** Hidden parts darker: what a photograph does not show. */
export function photoShades(visibility) {
  const colours = new Float32Array(visibility.length * 3);
  visibility.forEach((seen, vertex) => colours.fill(0.12 + 0.88 * seen, vertex * 3, vertex * 3 + 3));
  return colours;
}
