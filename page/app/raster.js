// Triangles to pixels (geometry/raster.py): which triangle is nearest at a pixel's centre, at which weights and depth.

const EDGE = 1e-9; // weights this little below zero count as inside, so that no crack opens along shared edges

/**
 * @typedef {object} Raster
 * @property {number} width
 * @property {number} height
 * @property {Int32Array} triangle  -1 where none is
 * @property {Float32Array} weights  three a pixel, of the triangle's corners
 * @property {Float32Array} depth  infinite where no triangle is
 */

/**
 * Both sides of a triangle are drawn; where two are equally near the first one stays.
 * @param {ArrayLike<number>} vertices  N * 3 px: right, down, away
 * @param {ArrayLike<number>} triangles
 * @returns {Raster}
 */
export function rasterize(vertices, triangles, width, height) {
  const raster = {
    width,
    height,
    triangle: new Int32Array(width * height).fill(-1),
    weights: new Float32Array(width * height * 3),
    depth: new Float32Array(width * height).fill(Infinity),
  };
  const nearest = new Float64Array(width * height).fill(Infinity);
  for (let at = 0; at < triangles.length; at += 3) {
    draw(raster, nearest, vertices, at / 3, [triangles[at] * 3, triangles[at + 1] * 3, triangles[at + 2] * 3]);
  }
  raster.depth.set(nearest);
  return raster;
}

function draw({ width, height, triangle, weights }, nearest, v, number, [a, b, c]) {
  const [ax, ay, bx, by, cx, cy] = [v[a], v[a + 1], v[b], v[b + 1], v[c], v[c + 1]];
  const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
  if (!area) return; // none, or not finite
  const firstX = Math.max(Math.ceil(Math.min(ax, bx, cx) - 0.5), 0);
  const lastX = Math.min(Math.floor(Math.max(ax, bx, cx) - 0.5), width - 1);
  const firstY = Math.max(Math.ceil(Math.min(ay, by, cy) - 0.5), 0);
  const lastY = Math.min(Math.floor(Math.max(ay, by, cy) - 0.5), height - 1);
  for (let row = firstY; row <= lastY; row++) {
    for (let column = firstX; column <= lastX; column++) {
      const [x, y] = [column + 0.5 - ax, row + 0.5 - ay];
      const wb = (x * (cy - ay) - y * (cx - ax)) / area;
      const wc = ((bx - ax) * y - (by - ay) * x) / area;
      const wa = 1 - wb - wc;
      if (wa < -EDGE || wb < -EDGE || wc < -EDGE) continue;
      const z = wa * v[a + 2] + wb * v[b + 2] + wc * v[c + 2];
      const at = row * width + column;
      if (!(z < nearest[at])) continue;
      nearest[at] = z;
      triangle[at] = number;
      [wa, wb, wc].forEach((weight, corner) => (weights[at * 3 + corner] = Math.min(Math.max(weight, 0), 1)));
    }
  }
}

/** A number of the vertices spread over the pixels; zero where no triangle is. @returns {Float32Array} */
export function spread({ triangle, weights }, triangles, values) {
  const out = new Float32Array(triangle.length);
  for (let at = 0; at < out.length; at++) {
    const first = triangle[at] * 3;
    if (first < 0) continue;
    for (let corner = 0; corner < 3; corner++) out[at] += weights[at * 3 + corner] * values[triangles[first + corner]];
  }
  return out;
}
