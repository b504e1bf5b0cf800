// Crop boxes: the parts of the photo that the regressor gets, and how cameras pass from crop to photo (crop.py, image.py).

import { affine, cutOut, reduce, resize } from "./pixels.js";
import { multiply, rollMatrix } from "./geometry.js";

/**
 * @typedef {object} CropBox  a square of the photo, perhaps turned; a face of roll r is upright in its crop.
 * @property {number} x     of the centre, px
 * @property {number} y     of the centre, px
 * @property {number} side  px of the photo
 * @property {number} size  px of the crop
 * @property {number} roll  radians, counter-clockwise to the viewer
 */

const REDUCING_GAP = 1.3;

/** The crop box around an upright box. @returns {CropBox} */
export function squareAroundBox([left, top, right, bottom], { size, roll, margin }) {
  const side = margin * Math.max(right - left, bottom - top);
  return { x: (left + right) / 2, y: (top + bottom) / 2, side, size, roll };
}

/** The crop box around points, their box taken along the box's own axes. @param {ArrayLike<number>} points n * 3 */
export function squareAroundPoints(points, { size, roll, margin }) {
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 3) {
    const turned = [cos * points[at] - sin * points[at + 1], sin * points[at] + cos * points[at + 1]];
    for (const axis of [0, 1]) {
      low[axis] = Math.min(low[axis], turned[axis]);
      high[axis] = Math.max(high[axis], turned[axis]);
    }
  }
  const [u, v] = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  const side = margin * Math.max(high[0] - low[0], high[1] - low[1]);
  return { x: cos * u + sin * v, y: -sin * u + cos * v, side, size, roll };
}

/** Whether two cropBoxes show nearly the same. @param {{shift: number, scale: number, roll: number}} limits */
export function isClose(cropBox, other, limits) {
  const full = 2 * Math.PI;
  const turn = ((((other.roll - cropBox.roll + Math.PI) % full) + full) % full) - Math.PI;
  return (
    Math.hypot(cropBox.x - other.x, cropBox.y - other.y) <= limits.shift * cropBox.side &&
    Math.abs(other.side - cropBox.side) <= limits.scale * cropBox.side &&
    Math.abs(turn) <= limits.roll
  );
}

/** The camera of a crop as a camera of the photo. @returns {import("./geometry.js").Camera} */
export function cameraInImage(cropBox, { rotation, scale, translation }) {
  const [cos, sin] = [Math.cos(cropBox.roll), Math.sin(cropBox.roll)];
  const unit = cropBox.side / cropBox.size;
  const [dx, dy] = [translation[0] - cropBox.size / 2, translation[1] - cropBox.size / 2];
  const moved = [cropBox.x + unit * (cos * dx + sin * dy), cropBox.y + unit * (cos * dy - sin * dx), unit * translation[2]];
  return { rotation: multiply(rollMatrix(cropBox.roll), rotation), scale: scale * unit, translation: moved };
}

/** The camera of the photo as a camera of a crop. @returns {import("./geometry.js").Camera} */
export function cameraInCrop(cropBox, { rotation, scale, translation }) {
  const zoom = cropBox.size / cropBox.side;
  const [x, y] = cropFromImage(cropBox, translation[0], translation[1]);
  return { rotation: multiply(rollMatrix(-cropBox.roll), rotation), scale: scale * zoom, translation: [x, y, zoom * translation[2]] };
}

/** A place of the photo in a crop, px. @returns {[number, number]} */
export function cropFromImage(cropBox, x, y) {
  const [cos, sin] = [Math.cos(cropBox.roll), Math.sin(cropBox.roll)];
  const zoom = cropBox.size / cropBox.side;
  const [dx, dy] = [x - cropBox.x, y - cropBox.y];
  return [zoom * (cos * dx - sin * dy) + cropBox.size / 2, zoom * (sin * dx + cos * dy) + cropBox.size / 2];
}

/** How much of a crop box a photo shows, 0 to 1, by `grid` x `grid` places of it. */
export function shareWithin({ x, y, side, roll }, { width, height }, grid) {
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  const reach = (side / 2) * (Math.abs(cos) + Math.abs(sin));
  if (reach <= x && x <= width - reach && reach <= y && y <= height - reach) return 1;
  const places = Array.from({ length: grid }, (_, k) => side * ((k + 0.5) / grid - 0.5));
  let inside = 0;
  for (const down of places) {
    for (const right of places) {
      const [left, top] = [x + cos * right + sin * down, y + cos * down - sin * right];
      if (left >= 0 && left < width && top >= 0 && top < height) inside++;
    }
  }
  return inside / grid ** 2;
}

const LARGE_SIDE = 5600; // px: crop boxes beyond are averaged before they are cut, as in resample.py

/**
 * The crop box resampled to its size: antialiased, exact below a pixel, black outside the photo.
 * @param {import("./pixels.js").Picture} picture
 * @param {CropBox} cropBox
 */
export function resampleCrop(picture, cropBox) {
  let { x, y, side } = cropBox;
  const isFarLarger = side > 2 * Math.max(picture.width, picture.height);
  const shrink = Math.trunc(side / cropBox.size / (isFarLarger ? 1 : 2));
  if (shrink > 1 && (isFarLarger || side > LARGE_SIDE)) {
    picture = reduce(picture, shrink);
    [x, y, side] = [x / shrink, y / shrink, side / shrink];
  }
  const upright = Math.abs(cropBox.roll) < 5e-4;
  return upright ? straight(picture, x, y, side, cropBox.size) : turned(picture, x, y, side, cropBox.size, cropBox.roll);
}

function straight(picture, x, y, side, size) {
  const [left, top] = [x - side / 2, y - side / 2];
  const reach = Math.ceil(2 * Math.max(1, side / size)) + 1;
  const [column, row] = [Math.floor(left) - reach, Math.floor(top) - reach];
  const span = Math.ceil(side) + 1 + 2 * reach;
  const box = [left - column, top - row, left - column + side, top - row + side];
  const part = cutOut(picture, column, row, span, span);
  return resize(part, size, size, "bicubic", { box, reducingGap: REDUCING_GAP });
}

function turned(picture, x, y, side, size, roll) {
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  const factor = Math.max(1, roundHalfEven(side / size));
  const half = (side * (Math.abs(cos) + Math.abs(sin))) / 2 + 2 * factor;
  const [column, row] = [Math.floor(x - half), Math.floor(y - half)];
  const span = factor * (Math.trunc((2 * half) / factor) + 2);
  const part = cutOut(picture, column, row, span, span);
  const around = factor > 1 ? reduce(part, factor) : part;
  const [centerX, centerY] = [(x - column) / factor, (y - row) / factor];
  const a = (side / size / factor) * cos;
  const b = (side / size / factor) * sin;
  const middle = size / 2;
  return affine(around, size, [a, b, centerX - (a + b) * middle, -b, a, centerY - (a - b) * middle]);
}

/** As Python and numpy round: a half goes to the even neighbour. */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
