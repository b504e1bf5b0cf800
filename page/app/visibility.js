// Which vertices are seen and which the head itself hides (geometry/raster.py, visible_vertices).

const RESOLUTION = 160;
const TOLERANCE = 0.02;
const FADE = 0.2; // cosine: the last 12 degrees before the silhouette

/**
 * How far each vertex is seen, 0 to 1: not behind the mesh, and of a triangle that faces the viewer.
 * @param {Float32Array} vertices  N * 3, px of the photo, depth away from the viewer
 * @param {Uint16Array} triangles
 * @returns {Float32Array}
 */
export function visibleVertices(vertices, triangles) {
  const { small, width, height } = shrunk(vertices);
  const depth = new Float32Array(width * height).fill(Infinity);
  const facing = new Float32Array(vertices.length / 3);
  for (let at = 0; at < triangles.length; at += 3) {
    const corners = [triangles[at], triangles[at + 1], triangles[at + 2]];
    const toward = cosine(small, corners);
    if (toward <= 0) continue;
    for (const corner of corners) facing[corner] = Math.max(facing[corner], Math.min(toward / FADE, 1));
    drawDepth(small, corners, depth, width, height);
  }
  return facing.map((seen, vertex) => {
    const [x, y, z] = small.subarray(vertex * 3, vertex * 3 + 3);
    const behind = (z - farthestAround(depth, width, height, x, y)) / RESOLUTION;
    return seen * Math.min(Math.max(2 - behind / TOLERANCE, 0), 1);
  });
}

/** The mesh moved to the corner of a small picture. */
function shrunk(vertices) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  vertices.forEach((value, at) => {
    low[at % 3] = Math.min(low[at % 3], value);
    high[at % 3] = Math.max(high[at % 3], value);
  });
  const scale = RESOLUTION / Math.max(high[0] - low[0], high[1] - low[1], Number.MIN_VALUE);
  const small = Float64Array.from(vertices, (value, at) => (value - low[at % 3]) * scale);
  const [width, height] = [0, 1].map((axis) => Math.ceil((high[axis] - low[axis]) * scale) + 1);
  return { small, width, height };
}

/** Between a triangle's outward normal and the direction to the viewer; 0 without area. */
function cosine(v, [a, b, c]) {
  const [ux, uy, uz] = [v[b * 3] - v[a * 3], v[b * 3 + 1] - v[a * 3 + 1], v[b * 3 + 2] - v[a * 3 + 2]];
  const [wx, wy, wz] = [v[c * 3] - v[a * 3], v[c * 3 + 1] - v[a * 3 + 1], v[c * 3 + 2] - v[a * 3 + 2]];
  const [nx, ny, nz] = [uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx];
  const length = Math.hypot(nx, ny, nz);
  return length > 0 ? -nz / length : 0;
}

function drawDepth(v, [a, b, c], depth, width, height) {
  const [ax, ay, bx, by, cx, cy] = [v[a * 3], v[a * 3 + 1], v[b * 3], v[b * 3 + 1], v[c * 3], v[c * 3 + 1]];
  const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
  if (area === 0) return;
  const firstX = Math.max(Math.ceil(Math.min(ax, bx, cx) - 0.5), 0);
  const lastX = Math.min(Math.floor(Math.max(ax, bx, cx) - 0.5), width - 1);
  const firstY = Math.max(Math.ceil(Math.min(ay, by, cy) - 0.5), 0);
  const lastY = Math.min(Math.floor(Math.max(ay, by, cy) - 0.5), height - 1);
  for (let row = firstY; row <= lastY; row++) {
    for (let column = firstX; column <= lastX; column++) {
      const [x, y] = [column + 0.5, row + 0.5];
      const wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area;
      const wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area;
      const wa = 1 - wb - wc;
      if (Math.min(wa, wb, wc) < -1e-9) continue;
      const z = wa * v[a * 3 + 2] + wb * v[b * 3 + 2] + wc * v[c * 3 + 2];
      const at = row * width + column;
      if (z < depth[at]) depth[at] = z;
    }
  }
}

/** The farthest depth of the four pixel centres around a point: on a slope the nearest one may lie before it. */
function farthestAround(depth, width, height, x, y) {
  const [column, row] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  let farthest = -Infinity;
  for (const down of [0, 1]) {
    for (const right of [0, 1]) {
      const inRow = Math.min(Math.max(row + down, 0), height - 1);
      const inColumn = Math.min(Math.max(column + right, 0), width - 1);
      farthest = Math.max(farthest, depth[inRow * width + inColumn]);
    }
  }
  return farthest;
}
