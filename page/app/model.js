// The face model: a mean face, how people differ, how a face moves (geometry/morphable.py, models/builtin.py).
// The file holds half of each symmetric shape in whole steps; the other half is its mirror image.

import { anglesOf } from "./geometry.js";
import { landmarkNeighbours } from "./landmark_visibility.js";

/** @typedef {{vertexIndex: Int32Array, weights: Float32Array, offset: Float32Array,
 *   identityOffset: Float32Array, expressionOffset: Float32Array, turnOffset?: Float32Array}} Scheme */

const TYPES = { float64: Float64Array, float32: Float32Array, int32: Int32Array, int16: Int16Array, uint16: Uint16Array, int8: Int8Array, uint8: Uint8Array };

/** Named arrays of a file: a length, a description in JSON, then the numbers, little-endian. */
export function readArrays(buffer) {
  const view = new DataView(buffer);
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 4));
  if (magic !== "LFMW") throw new Error("A file of the face model or of weights is damaged: load the page again.");
  const length = view.getUint32(4, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const arrays = {};
  for (const { name, dtype, count, start } of head.arrays) {
    arrays[name] = new TYPES[dtype](buffer, 8 + length + start, count);
  }
  return { head, arrays };
}

export class FaceModel {
  /** @param {ArrayBuffer} buffer  of model/lfm.bin */
  constructor(buffer) {
    const { head, arrays } = readArrays(buffer);
    this.neutral = arrays.neutral; // N * 3, mm
    this.triangles = arrays.triangles; // M * 3, counter-clockwise seen from outside
    this.uv = arrays.uv; // N * 2, right and down
    /** @type {string[]} */
    this.expressionNames = head.expression_names;
    /** @type {Record<string, [number, number]>} triangles [first, last) of each part */
    this.parts = head.parts;
    this.mirrorVertex = arrays.mirror_vertex;
    this.mirrorExpression = arrays.mirror_expression;
    this.identityBasis = identityBasis(arrays);
    this.expressionBasis = expressionBasis(arrays);
    /** @type {number[]} the landmark on the other side of each */
    this.mirrorLandmark = head.mirror_landmark;
    /** @type {number} radius of a landmark's surroundings, as a part of the extent of all */
    this.landmarkNear = head.landmark_near;
    /** @type {Record<string, Scheme>} */
    this.schemes = {};
    for (const name of head.schemes) this.schemes[name] = schemeOf(arrays, name);
    /** @type {Record<string, {neutral: Float32Array, identityBasis: Float32Array, expressionBasis: Float32Array}>} by scheme */
    this.landmarkModels = {};
    /** @type {Record<string, number[][]>} by scheme */
    this.neighboursIn = {};
  }

  /** The vertices near each landmark of a scheme; found once. @returns {number[][]} */
  neighbours(schemeName) {
    return (this.neighboursIn[schemeName] ??= landmarkNeighbours(this, schemeName));
  }

  /** The face of given coefficients, N * 3 mm in the model's frame. @returns {Float32Array} */
  vertices(identity, expression) {
    const vertices = Float32Array.from(this.neutral);
    addModes(vertices, this.identityBasis, identity);
    addModes(vertices, this.expressionBasis, expression);
    return vertices;
  }

  /**
   * The landmarks of a scheme, P * 3 mm, on vertices made of the same coefficients.
   * @param {ArrayLike<number>} [rotation]  of the head; left out, it looks ahead
   * @returns {Float32Array}
   */
  landmarks(vertices, identity, expression, schemeName, rotation) {
    const scheme = this.schemes[schemeName];
    const points = onMesh(scheme, vertices);
    add(points, scheme.offset);
    if (rotation && scheme.turnOffset) addTurn(points, scheme.turnOffset, this.mirrorLandmark, rotation);
    addModes(points, scheme.identityOffset, identity);
    addModes(points, scheme.expressionOffset, expression);
    return points;
  }

  /** The same of coefficients alone, without the mesh's other vertices. @returns {Float32Array} */
  landmarksOf(identity, expression, schemeName) {
    const { neutral, identityBasis, expressionBasis } = (this.landmarkModels[schemeName] ??= this.landmarkModel(schemeName));
    const points = Float32Array.from(neutral);
    addModes(points, identityBasis, identity);
    addModes(points, expressionBasis, expression);
    return points;
  }

  landmarkModel(schemeName) {
    const scheme = this.schemes[schemeName];
    return {
      neutral: this.landmarks(this.neutral, [], [], schemeName),
      identityBasis: basisOnMesh(scheme, this.identityBasis, this.neutral.length, scheme.identityOffset),
      expressionBasis: basisOnMesh(scheme, this.expressionBasis, this.neutral.length, scheme.expressionOffset),
    };
  }
}

/** Adds what landmarks move by because the head is turned (LandmarkScheme._turned). */
function addTurn(points, turnOffset, mirror, rotation) {
  const { yaw, pitch } = anglesOf(rotation);
  const up = Math.sin(pitch);
  mirror.forEach((twin, landmark) => {
    const side = Math.sign(twin - landmark) * Math.sign(mirror[0]); // of the points 0-7 it is 1
    const facing = side === 0 ? Math.abs(yaw) : side * yaw;
    const turned = Math.sin(Math.min(Math.max(facing, 0), Math.PI / 2));
    [turned, turned ** 2, up, up * turned].forEach((term, number) => {
      for (let axis = 0; axis < 3; axis++) {
        const sign = side === 0 && axis === 0 ? Math.sign(yaw) : 1;
        points[landmark * 3 + axis] += sign * term * turnOffset[number * points.length + landmark * 3 + axis];
      }
    });
  });
}

/** Points between the corners of triangles, P * 3. @param {Scheme} scheme @returns {Float32Array} */
function onMesh({ vertexIndex, weights }, vertices) {
  const points = new Float32Array(vertexIndex.length);
  for (let corner = 0; corner < vertexIndex.length; corner++) {
    const to = Math.floor(corner / 3) * 3;
    const from = vertexIndex[corner] * 3;
    for (let axis = 0; axis < 3; axis++) points[to + axis] += weights[corner] * vertices[from + axis];
  }
  return points;
}

/** How each mode moves such points, with what is added to that. @returns {Float32Array} */
function basisOnMesh(scheme, basis, length, offset) {
  const out = new Float32Array((basis.length / length) * scheme.vertexIndex.length);
  for (let mode = 0; mode < basis.length / length; mode++) {
    out.set(onMesh(scheme, basis.subarray(mode * length, (mode + 1) * length)), mode * scheme.vertexIndex.length);
  }
  add(out, offset);
  return out;
}

function add(target, values) {
  for (let at = 0; at < values.length; at++) target[at] += values[at];
}

/** Adds modes (each as long as `target`) times their coefficients; either may be the fewer. */
function addModes(target, basis, coefficients) {
  const length = target.length;
  for (let mode = 0; mode < Math.min(coefficients.length, basis.length / length); mode++) {
    const amount = coefficients[mode];
    if (amount === 0) continue;
    for (let at = 0, from = mode * length; at < length; at++, from++) target[at] += amount * basis[from];
  }
}

function identityBasis({ identity_steps: steps, identity_step_mm: stepMm, identity_sign: sign, mirror_vertex: mirror }) {
  const length = mirror.length * 3;
  const basis = new Float32Array(sign.length * length);
  const half = [...mirror.keys()].filter((vertex) => vertex <= mirror[vertex]);
  for (let mode = 0, from = 0; mode < sign.length; mode++) {
    for (const vertex of half) {
      const own = mode * length + vertex * 3;
      const other = mode * length + mirror[vertex] * 3;
      for (let axis = 0; axis < 3; axis++, from++) {
        const value = steps[from] * stepMm[mode];
        basis[other + axis] = value * sign[mode] * (axis === 0 ? -1 : 1);
        basis[own + axis] = value; // on the middle line the vertex itself counts
      }
    }
  }
  return basis;
}

function expressionBasis({ expression_steps: steps, expression_step_mm: stepMm, mirror_expression: twin, mirror_vertex: mirror }) {
  const length = mirror.length * 3;
  const basis = new Float32Array(twin.length * length);
  const own = [...twin.keys()].filter((shape) => shape <= twin[shape]);
  own.forEach((shape, stored) => {
    for (let at = 0; at < length; at++) {
      const mirrored = mirror[Math.floor(at / 3)] * 3 + (at % 3);
      const value = steps[stored * length + mirrored] * stepMm[stored];
      basis[twin[shape] * length + at] = at % 3 === 0 ? -value : value;
    }
  });
  own.forEach((shape, stored) => {
    for (let at = 0; at < length; at++) basis[shape * length + at] = steps[stored * length + at] * stepMm[stored];
  });
  return basis;
}

function schemeOf(arrays, name) {
  const part = (field) => arrays[`scheme/${name}/${field}`];
  return {
    vertexIndex: part("vertex_index"),
    weights: part("weights"),
    offset: part("offset_model"),
    identityOffset: part("identity_offset"),
    expressionOffset: part("expression_offset"),
    turnOffset: part("turn_offset"),
  };
}
