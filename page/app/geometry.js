// Rotations, the weak-perspective camera, normals (docs/conventions.md has the frames and signs).

/** @typedef {number[]} Matrix  3 x 3, row by row */

/**
 * @typedef {object} Camera  p_image = scale * diag(1, -1, -1) * rotation * p_model + translation
 * @property {Matrix} rotation  of the model frame
 * @property {number} scale     px a mm
 * @property {number[]} translation  3 numbers, px
 */

/** @returns {Matrix} */
export function multiply(a, b) {
  const product = [];
  for (let row = 0; row < 9; row += 3) {
    for (let column = 0; column < 3; column++) {
      product.push(a[row] * b[column] + a[row + 1] * b[column + 3] + a[row + 2] * b[column + 6]);
    }
  }
  return product;
}

/** A turn about the viewing axis, counter-clockwise to the viewer. @returns {Matrix} */
export function rollMatrix(roll) {
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  return [cos, -sin, 0, sin, cos, 0, 0, 0, 1];
}

/** A turn about a vector by as many radians as it is long (Rodrigues' formula). @returns {Matrix} */
export function matrixFromVector([x, y, z]) {
  const angle = Math.hypot(x, y, z);
  const sine = angle > 0 ? Math.sin(angle) / angle : 1;
  const versine = angle > 0 ? 2 * (Math.sin(angle / 2) / angle) ** 2 : 0.5;
  const cross = [0, -z, y, z, 0, -x, -y, x, 0];
  return multiply(cross, cross).map((value, at) => (at % 4 === 0 ? 1 : 0) + sine * cross[at] + versine * value);
}

/** Yaw, pitch and roll, radians, of Rx(pitch) Ry(yaw) Rz(roll). */
export function anglesOf(rotation) {
  return {
    yaw: Math.asin(Math.min(Math.max(rotation[2], -1), 1)),
    pitch: Math.atan2(-rotation[5], rotation[8]),
    roll: Math.atan2(-rotation[1], rotation[0]),
  };
}

/** How far the head's up axis leans in the picture, counter-clockwise to the viewer. */
export function uprightRoll(rotation) {
  return Math.atan2(-rotation[1], rotation[4]);
}

/** Points of the model (n * 3, mm) in the photo (n * 3, px). @param {Camera} camera @returns {Float32Array} */
export function imageFromModel(camera, points) {
  const { rotation: r, scale: s, translation: t } = camera;
  const out = new Float32Array(points.length);
  for (let at = 0; at < points.length; at += 3) {
    const [x, y, z] = [points[at], points[at + 1], points[at + 2]];
    out[at] = s * (r[0] * x + r[1] * y + r[2] * z) + t[0];
    out[at + 1] = -s * (r[3] * x + r[4] * y + r[5] * z) + t[1];
    out[at + 2] = -s * (r[6] * x + r[7] * y + r[8] * z) + t[2];
  }
  return out;
}

/** Whether a face is finite; an uncertainty that is null is none. */
export function hasNumbers({ camera, identity, expression, uncertainty }) {
  const numbers = [camera.scale, uncertainty ?? 0, ...camera.rotation, ...camera.translation, ...identity, ...expression];
  return numbers.every(Number.isFinite);
}

/** Unit normals at the vertices, weighted by area; zero where no triangle touches. @returns {Float32Array} */
export function vertexNormals(vertices, triangles) {
  const sums = new Float64Array(vertices.length);
  for (let at = 0; at < triangles.length; at += 3) {
    const corners = [triangles[at] * 3, triangles[at + 1] * 3, triangles[at + 2] * 3];
    const normal = crossOf(vertices, corners);
    for (const corner of corners) for (let axis = 0; axis < 3; axis++) sums[corner + axis] += normal[axis];
  }
  const unit = new Float32Array(sums.length);
  for (let at = 0; at < sums.length; at += 3) {
    const length = Math.hypot(sums[at], sums[at + 1], sums[at + 2]) || 1;
    for (let axis = 0; axis < 3; axis++) unit[at + axis] = sums[at + axis] / length;
  }
  return unit;
}

/** Along a triangle's normal, as long as twice its area. */
function crossOf(v, [a, b, c]) {
  const [ux, uy, uz] = [v[b] - v[a], v[b + 1] - v[a + 1], v[b + 2] - v[a + 2]];
  const [wx, wy, wz] = [v[c] - v[a], v[c + 1] - v[a + 1], v[c + 2] - v[a + 2]];
  return [uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx];
}

/** Unit quaternion x, y, z, w of a rotation; w is not negative. */
export function quaternion(r) {
  const w = Math.sqrt(Math.max(0, 1 + r[0] + r[4] + r[8])) / 2;
  const x = Math.sqrt(Math.max(0, 1 + r[0] - r[4] - r[8])) / 2;
  const y = Math.sqrt(Math.max(0, 1 - r[0] + r[4] - r[8])) / 2;
  const z = Math.sqrt(Math.max(0, 1 - r[0] - r[4] + r[8])) / 2;
  const signed = [Math.sign(r[7] - r[5]) * x, Math.sign(r[2] - r[6]) * y, Math.sign(r[3] - r[1]) * z, w];
  const length = Math.hypot(...signed) || 1;
  return signed.map((value) => value / length);
}

/** Left, top, right, bottom of points, three numbers each. */
export function boxOf(points) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 3) {
    box[0] = Math.min(box[0], points[at]);
    box[1] = Math.min(box[1], points[at + 1]);
    box[2] = Math.max(box[2], points[at]);
    box[3] = Math.max(box[3], points[at + 1]);
  }
  return box;
}
