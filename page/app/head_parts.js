// The parts of a head in a GLB file (export/head_parts.py): skin with the photograph's colours, eyeballs that turn, the
// inside of the mouth and teeth with colours of their own.

import { solve } from "./linear.js";
import { readArrays } from "./model.js";

const DEEPEST_MM = 30; // where the mouth's picture ends
const EYE_RADIUS = 0.47; // on its part of the picture

/**
 * @typedef {object} Inside  what Python knows of it (view/inside_file.py)
 * @property {any} head
 * @property {Record<string, any>} arrays
 * @property {Uint8Array} png  the picture of eyes, mouth and teeth
 */

/**
 * @typedef {object} HeadPart
 * @property {string} name
 * @property {Float32Array} atRest  V * 3 mm
 * @property {Uint16Array} triangles  of its own vertices
 * @property {Float32Array} uv  V * 2, on the photograph's texture for skin, else on the picture
 * @property {(key: number) => Float32Array | null} difference  V * 3 mm that an expression adds at weight 1; null for none
 */

/** @param {ArrayBuffer} buffer @param {Uint8Array} png @returns {Inside} */
export function readInside(buffer, png) {
  return { ...readArrays(buffer), png };
}

/** @param {import("./model.js").FaceModel} model @param {Inside} inside @param {Float32Array} atRest @returns {HeadPart[]} */
export function headParts(model, inside, atRest) {
  const [skin, eyes, mouth] = [
    ["skin", "face"],
    ["eyes", "eyeballs"],
    ["mouth", "mouth"],
  ].map(([name, part]) => slice(model, atRest, name, model.parts[part]));
  return [skin, looking(eyes, model.expressionNames, inside.head), laidOut(mouth, inside.head), teethOf(model, inside, atRest)];
}

/** A range of the model's triangles with the vertices that they use. @returns {HeadPart} */
function slice(model, atRest, name, [firstTriangle, lastTriangle]) {
  const used = model.triangles.subarray(firstTriangle * 3, lastTriangle * 3);
  let [first, last] = [Infinity, 0];
  for (const vertex of used) [first, last] = [Math.min(first, vertex), Math.max(last, vertex + 1)];
  const length = model.neutral.length;
  return {
    name,
    atRest: atRest.slice(first * 3, last * 3),
    triangles: used.map((vertex) => vertex - first),
    uv: model.uv.slice(first * 2, last * 2),
    difference: (key) => model.expressionBasis.subarray(key * length + first * 3, key * length + last * 3),
  };
}

/** Places of 0 to 1 within a part of the picture, a little inside of its border. */
function placed(x, y, [left, top, width, height], [pictureWidth, pictureHeight]) {
  const inner = (value) => 0.04 + 0.92 * Math.min(Math.max(value, 0), 1);
  return [(left + inner(x) * width) / pictureWidth, (top + inner(y) * height) / pictureHeight];
}

/** Eyeballs that turn with the expressions of looking, and their places on the picture of an eye. */
function looking(eyes, names, { looks, eye, size_wh: sizeWh }) {
  const count = eyes.atRest.length / 3;
  const middle = eyes.atRest.reduce((sum, value, at) => sum + (at % 3 === 0 ? value : 0), 0) / count;
  const uv = new Float32Array(count * 2);
  /** @type {Map<number, Float32Array>} */
  const turns = new Map();
  for (const side of ["Left", "Right"]) {
    const own = [...Array(count).keys()].filter((vertex) => eyes.atRest[vertex * 3] > middle === (side === "Left"));
    const centre = sphereCentre(own.map((vertex) => eyes.atRest.subarray(vertex * 3, vertex * 3 + 3)));
    const away = own.map((vertex) => centre.map((value, axis) => eyes.atRest[vertex * 3 + axis] - value));
    own.forEach((vertex, k) => {
      const length = Math.hypot(...away[k]);
      const [x, y] = [0.5 + (EYE_RADIUS * away[k][0]) / length, 0.5 - (EYE_RADIUS * away[k][1]) / length];
      uv.set(placed(x, y, eye, sizeWh), vertex * 2);
    });
    for (const [look, [outDegrees, upDegrees]] of Object.entries(looks)) {
      const turn = turned(radians(outDegrees) * (side === "Left" ? 1 : -1), radians(upDegrees));
      const moved = new Float32Array(eyes.atRest.length);
      own.forEach((vertex, k) => moved.set(turn(away[k]).map((value, axis) => value - away[k][axis]), vertex * 3));
      turns.set(names.indexOf(look + side), moved);
    }
  }
  const difference = (key) => {
    const [plain, moved] = [eyes.difference(key), turns.get(key)];
    return moved ? plain.map((value, at) => value + moved[at]) : plain;
  };
  return { ...eyes, uv, difference };
}

const radians = (degrees) => (degrees * Math.PI) / 180;

/** The centre of the sphere through points, by least squares. @param {Float32Array[]} points */
function sphereCentre(points) {
  const middle = [0, 1, 2].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  const [table, values] = [new Float64Array(16), new Float64Array(4)];
  for (const point of points) {
    const about = middle.map((value, axis) => point[axis] - value);
    const row = [2 * about[0], 2 * about[1], 2 * about[2], 1];
    const squared = about[0] ** 2 + about[1] ** 2 + about[2] ** 2;
    row.forEach((one, r) => {
      values[r] += one * squared;
      row.forEach((other, c) => (table[r * 4 + c] += one * other));
    });
  }
  const found = solve(table, values);
  return middle.map((value, axis) => value + found[axis]);
}

/** Turns +z to the viewer's right and up. @returns {(point: number[]) => number[]} */
function turned(right, up) {
  const [c, s, cu, su] = [Math.cos(right), Math.sin(right), Math.cos(up), Math.sin(up)];
  return ([x, y, z]) => {
    const [upY, upZ] = [cu * y + su * z, -su * y + cu * z];
    return [c * x + s * upZ, upY, -s * x + c * upZ];
  };
}

/** The mouth's inside with places on its picture: by height, and by depth from the lips. */
function laidOut(mouth, { mouth: part, size_wh: sizeWh }) {
  const { atRest } = mouth;
  let [low, high, front] = [Infinity, -Infinity, -Infinity];
  for (let at = 0; at < atRest.length; at += 3) {
    [low, high, front] = [Math.min(low, atRest[at + 1]), Math.max(high, atRest[at + 1]), Math.max(front, atRest[at + 2])];
  }
  const uv = new Float32Array((atRest.length / 3) * 2);
  for (let at = 0, to = 0; at < atRest.length; at += 3, to += 2) {
    uv.set(placed((atRest[at + 1] - low) / (high - low), (front - atRest[at + 2]) / DEEPEST_MM, part, sizeWh), to);
  }
  return { ...mouth, uv };
}

/** Two rows of teeth, which follow the face around the mouth. @returns {HeadPart} */
function teethOf(model, { head, arrays }, atRest) {
  const moved = [0, 0, 0];
  for (const vertex of arrays.anchor) {
    for (let axis = 0; axis < 3; axis++) {
      moved[axis] += (atRest[vertex * 3 + axis] - model.neutral[vertex * 3 + axis]) / arrays.anchor.length;
    }
  }
  const { teeth, moves } = arrays;
  return {
    name: "teeth",
    atRest: teeth.map((value, at) => value + moved[at % 3]),
    triangles: arrays.triangles,
    uv: arrays.uv,
    difference: (key) => {
      const shape = head.jaw_shapes.indexOf(model.expressionNames[key]);
      return shape < 0 ? null : moves.subarray(shape * teeth.length, (shape + 1) * teeth.length);
    },
  };
}
