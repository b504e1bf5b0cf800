// What is in front of a face, hands, hair, masks, people (result/face_mask.py): how surely each cell of a crop shows
// the face itself.

import { cropFromImage, resampleCrop, squareAroundPoints } from "./crop.js";
import { uprightRoll } from "./geometry.js";

/** @typedef {{values: Float32Array, box: import("./crop.js").CropBox}} FaceMask  A * A, row by row, 0 to 1 */

export class Occlusion {
  /**
   * @param {(crops: import("./pixels.js").Picture[]) => Promise<{shown: Float32Array}>} run
   * @param {{size: number, margin: number}} cut
   */
  constructor(run, cut) {
    this.run = run;
    this.cut = cut;
  }

  /** @param {ArrayLike<number>} landmarks  of the photo, n * 3 px @returns {Promise<FaceMask | null>} */
  async look(picture, { rotation }, landmarks) {
    const box = squareAroundPoints(landmarks, { ...this.cut, roll: uprightRoll(rotation) });
    if (!(box.side > 0)) return null;
    const { shown } = await this.run([resampleCrop(picture, box)]);
    return shown.every(Number.isFinite) ? { values: Float32Array.from(shown), box } : null;
  }
}

/** How surely points of the photo (n * 3 px) show the face itself; beyond the crop as the nearest cell has it. */
export function shownAt({ values, box }, points) {
  const shown = new Float32Array(points.length / 3);
  for (let k = 0; k < shown.length; k++) {
    const [x, y] = cropFromImage(box, points[k * 3], points[k * 3 + 1]).map((place) => place / box.size);
    shown[k] = between(values, Math.sqrt(values.length), x, y);
  }
  return shown;
}

/** A square of cells between their centres; x and y in sides of it. */
function between(values, size, x, y) {
  const [across, down] = [x, y].map((place) => Math.min(Math.max(place * size - 0.5, 0), size - 1));
  const [left, top] = [Math.floor(across), Math.floor(down)];
  const [right, bottom] = [Math.min(left + 1, size - 1), Math.min(top + 1, size - 1)];
  const inRow = (row) => values[row * size + left] * (1 - across + left) + values[row * size + right] * (across - left);
  return inRow(top) * (1 - down + top) + inRow(bottom) * (down - top);
}
