// Pose and coefficients moved by what close-ups show: one step of a Kalman filter (methods/coefficient_update.py).
// A step is a rotation vector, the logarithm of the scale and a shift in mm, along the axes of the upright head as it
// is seen, then identity and expression.

import { cameraInCrop } from "./crop.js";
import { shownAt } from "./face_mask.js";
import { imageFromModel, matrixFromVector, multiply, rollMatrix, uprightRoll } from "./geometry.js";
import { addRows, addSquare, dot, solve } from "./linear.js";

const POSE = 6;

/**
 * @typedef {object} Sighting  what a network reads off a close-up
 * @property {string} part
 * @property {import("./close_up.js").CloseUp} closeUp
 * @property {import("./crop.js").CropBox} box
 * @property {ArrayLike<number>} points  P * 2 sides of the close-up from its middle, as the network saw it
 * @property {ArrayLike<number>} keys
 */

/** @typedef {{camera: import("./geometry.js").Camera, identity: Float32Array, expression: Float32Array,
 *   shown?: import("./face_mask.js").FaceMask | null}} State  with what is seen in front of it */

/** @typedef {{slope: Float64Array, deviation: Float64Array}} Evidence  M * D and M, errors independent, of variance one */

export class CoefficientUpdate {
  /**
   * @param {Float64Array} information  D * D, inverse covariance of what a face lacks
   * @param {Record<string, Float32Array>} whitening  by part, lower triangular
   * @param {{trusted_yaw: number, max_surprise: number}} settings
   */
  constructor(information, whitening, settings) {
    this.information = information;
    this.width = Math.sqrt(information.length);
    this.whitening = whitening;
    this.settings = settings;
  }

  /** The face that it and the close-ups explain best. @param {State} face @param {Sighting[]} sightings @returns {State} */
  apply(face, sightings) {
    const trust = 1 / Math.sqrt(this.distrust(face.camera));
    const evidence = sightings.map((sighting) => this.evidence(face, sighting, trust));
    const step = this.bestStep(evidence);
    const believed = evidence.filter((one) => this.isBelieved(one, step));
    if (believed.length === 0) return face;
    return moved(face, believed.length < evidence.length ? this.bestStep(believed) : step);
  }

  /** Factor on the variances of close-ups of a head that is turned. */
  distrust({ rotation }) {
    return 1 + (Math.atan2(rotation[2], rotation[8]) / this.settings.trusted_yaw) ** 4;
  }

  /** @returns {Evidence} */
  evidence(face, sighting, trust) {
    const points = sighting.closeUp.points(face);
    const { slope, deviation } = expected(face, sighting, points, this.width);
    const believed = belief(face, sighting, points);
    const count = deviation.length;
    const whitening = this.whitening[sighting.part].map((weight, at) => trust * weight * believed[at % count]);
    const white = { slope: new Float64Array(slope.length), deviation: new Float64Array(count) };
    for (let row = 0; row < count; row++) {
      addRows(white.slope, row * this.width, this.width, slope, this.width, row + 1, whitening, row * count, 1);
      white.deviation[row] = dot(whitening, row * count, deviation, 0, row + 1);
    }
    return white;
  }

  /** The likeliest step. @param {Evidence[]} evidence @returns {Float64Array} */
  bestStep(evidence) {
    const table = Float64Array.from(this.information);
    const pull = new Float64Array(this.width);
    for (const { slope, deviation } of evidence) {
      addSquare(table, slope, this.width);
      addRows(pull, 0, this.width, slope, this.width, deviation.length, deviation, 0, 1);
    }
    return solve(table, pull);
  }

  /** Whether a likely step explains one sighting: the least that any costs is no surprise. */
  isBelieved(evidence, step) {
    const limit = this.settings.max_surprise * evidence.deviation.length;
    return this.cost(evidence, step) <= limit || this.cost(evidence, this.bestStep([evidence])) <= limit;
  }

  /** How unlikely a step and the misfit that it leaves are together, in squared standard deviations. */
  cost({ slope, deviation }, step) {
    const { width, information } = this;
    const unlikely = step.reduce((sum, value, row) => sum + value * dot(information, row * width, step, 0, width), 0);
    return deviation.reduce((sum, value, row) => sum + (value - dot(slope, row * width, step, 0, width)) ** 2, unlikely);
  }
}

/**
 * How what a close-up shows depends on the face, and how far it is from what the face has there; points before keys.
 * `points` is where the face has the part's points, P * 3 mm.
 */
function expected(face, { closeUp, box, points: found, keys }, points, width) {
  const camera = cameraInCrop(box, face.camera);
  const there = closeUp.seen(camera, points);
  const deviation = new Float64Array(there.length + keys.length);
  there.forEach((value, at) => (deviation[at] = found[at] - value));
  const slope = new Float64Array(deviation.length * width);
  fillSlopeOfPoints(slope, closeUp, camera, points, width);
  closeUp.keys.forEach((key, k) => {
    slope[(there.length + k) * width + POSE + face.identity.length + key] = 1;
    deviation[there.length + k] = keys[k] - face.expression[key];
  });
  return { slope, deviation };
}

/** How much of what a close-up says is believed where something is in front of the face; points before keys. */
function belief(face, { keys }, points) {
  const count = points.length / 3;
  if (!face.shown) return new Float32Array(2 * count + keys.length).fill(1);
  const seen = shownAt(face.shown, imageFromModel(face.camera, points));
  const free = seen.reduce((sum, value) => sum + value, 0) / count;
  const of = (_, row) => (row < 2 * count ? seen[Math.floor(row / 2)] * free : free ** 2);
  return Float32Array.from({ length: 2 * count + keys.length }, of);
}

/** How a step moves the points of a part, x before y, sides of the close-up: rows of `width` zeros are filled. */
function fillSlopeOfPoints(slope, { bases, mirrored, size }, { rotation: r, scale }, points, width) {
  const unit = [mirrored ? -scale / size : scale / size, -scale / size]; // y down
  const count = width - POSE;
  for (let point = 0; point < points.length / 3; point++) {
    const [x, y, z] = [0, 3, 6].map((row) => dot(r, row, points, point * 3, 3)); // mm, axes of the close-up, y up
    const pose = [[0, z, -y, x, 1, 0], [-z, 0, x, y, 0, 1]];
    for (const axis of [0, 1]) {
      const to = (point * 2 + axis) * width;
      pose[axis].forEach((value, at) => (slope[to + at] = unit[axis] * value));
      const [a, b, c] = [0, 1, 2].map((k) => unit[axis] * r[axis * 3 + k]);
      const from = point * 3 * count;
      for (let at = 0; at < count; at++) {
        slope[to + POSE + at] = a * bases[from + at] + b * bases[from + count + at] + c * bases[from + 2 * count + at];
      }
    }
  }
}

/** The face after a step. @param {State} face @param {Float64Array} step @returns {State} */
function moved({ camera, identity, expression }, step) {
  const roll = uprightRoll(camera.rotation);
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  const turn = multiply(multiply(rollMatrix(roll), matrixFromVector(step)), rollMatrix(-roll));
  const [right, up] = [cos * step[4] - sin * step[5], sin * step[4] + cos * step[5]];
  const [x, y, z] = camera.translation;
  return {
    camera: {
      rotation: multiply(turn, camera.rotation),
      scale: camera.scale * Math.exp(step[3]),
      translation: [x + right * camera.scale, y - up * camera.scale, z],
    },
    identity: identity.map((value, k) => value + step[POSE + k]),
    expression: expression.map((value, k) => value + step[POSE + identity.length + k]),
  };
}
