// One part of a face on one side, an eye or the mouth: where its close-up is cut, which points and keys it shows
// (methods/closeup.py).

import { imageFromModel, uprightRoll } from "./geometry.js";
import { dot } from "./linear.js";

export class CloseUp {
  /**
   * @param {Record<string, Float32Array & Float64Array & Int32Array>} arrays  neutral (P * 3 mm), bases (P * 3 * (K + E)),
   *   keys, middle_neutral (3), middle_basis (3 * (K + E)), facing (3)
   * @param {{side_mm: number, size: number, min_within: number, mirrored: boolean}} cut
   */
  constructor(arrays, { side_mm: sideMm, size, min_within: minWithin, mirrored }) {
    this.neutral = arrays.neutral;
    this.bases = arrays.bases; // of a point's coordinate by each coefficient, identity before expression
    this.keys = arrays.keys; // places among the expressions
    this.middle = { neutral: arrays.middle_neutral, basis: arrays.middle_basis };
    this.facing = arrays.facing;
    this.sideMm = sideMm;
    this.size = size;
    this.minWithin = minWithin; // share of it that must be in the photo
    this.mirrored = mirrored; // whether it is looked at in a mirror
  }

  /** Where the part lies in the photo: upright, around the middle of its points. @returns {import("./crop.js").CropBox} */
  box({ camera, identity, expression }) {
    const { rotation: r, scale, translation } = camera;
    const [x, y, z] = moved(this.middle.neutral, this.middle.basis, identity, expression);
    return {
      x: scale * (r[0] * x + r[1] * y + r[2] * z) + translation[0],
      y: -scale * (r[3] * x + r[4] * y + r[5] * z) + translation[1],
      side: this.sideMm * scale,
      size: this.size,
      roll: uprightRoll(r),
    };
  }

  /** Whether the part faces the viewer enough to be looked at. */
  isShown({ rotation }, minFacing) {
    return dot(rotation, 6, this.facing, 0, 3) >= minFacing;
  }

  /** The points of a face, P * 3 mm in the model's frame. @returns {Float64Array} */
  points({ identity, expression }) {
    return moved(this.neutral, this.bases, identity, expression);
  }

  /** Points of the model in the close-up as a network sees it, P * 2 sides from its middle. @returns {Float64Array} */
  seen(camera, points) {
    const there = imageFromModel(camera, points);
    const sign = this.mirrored ? -1 : 1;
    const place = (_, at) => {
      const value = there[Math.floor(at / 2) * 3 + (at % 2)] / this.size - 0.5;
      return at % 2 === 0 ? sign * value : value;
    };
    return Float64Array.from({ length: (points.length / 3) * 2 }, place);
  }
}

/** Coordinates of the mean face, moved by coefficients. */
function moved(neutral, bases, identity, expression) {
  const width = identity.length + expression.length;
  const out = Float64Array.from(neutral);
  for (let at = 0; at < out.length; at++) {
    const from = at * width;
    out[at] += dot(bases, from, identity, 0, identity.length) + dot(bases, from + identity.length, expression, 0, expression.length);
  }
  return out;
}
