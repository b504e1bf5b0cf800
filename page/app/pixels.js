// Pictures in memory and the resampling of them, to the same bytes as Pillow gives (its Resample.c, Reduce.c
// and Geometry.c): what the networks see here must be what they see in Python.

/**
 * @typedef {object} Picture  RGB, row by row, upright.
 * @property {number} width   px
 * @property {number} height  px
 * @property {Uint8Array} data  width * height * 3
 */

/** @typedef {[number, number, number, number]} Box  left, top, right, bottom, px */

const PRECISION = 2 ** 22; // Pillow weighs 8-bit pixels by integers

/** @returns {Picture} black */
export function blank(width, height) {
  return { width, height, data: new Uint8Array(width * height * 3) };
}

/** Pixels of a canvas, transparency laid on white. @param {{width: number, height: number, data: Uint8ClampedArray}} rgba */
export function fromRgba(rgba) {
  const picture = blank(rgba.width, rgba.height);
  for (let from = 0, to = 0; from < rgba.data.length; from += 4, to += 3) {
    const alpha = rgba.data[from + 3];
    for (let channel = 0; channel < 3; channel++) {
      const value = rgba.data[from + channel];
      picture.data[to + channel] = alpha === 255 ? value : Math.round((value * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return picture;
}

/** Pixels [x, x + width) x [y, y + height), black where there is no photo. @returns {Picture} */
export function cutOut(picture, x, y, width, height) {
  const out = blank(width, height);
  const left = Math.min(Math.max(x, 0), picture.width);
  const right = Math.min(Math.max(x + width, 0), picture.width);
  for (let row = Math.max(y, 0); row < Math.min(y + height, picture.height) && right > left; row++) {
    const from = (row * picture.width + left) * 3;
    const line = picture.data.subarray(from, from + (right - left) * 3);
    out.data.set(line, ((row - y) * width + left - x) * 3);
  }
  return out;
}

/** As a mirror shows it, left and right exchanged. @param {Picture} picture @returns {Picture} */
export function mirrored(picture) {
  const { width, height } = picture;
  const out = blank(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = (pixel + width - 1 - 2 * (pixel % width)) * 3;
    for (let channel = 0; channel < 3; channel++) out.data[pixel * 3 + channel] = picture.data[from + channel];
  }
  return out;
}

/** Means of whole blocks of `factorX` x `factorY` px inside a box of whole px; the last ones may be smaller. */
export function reduce(picture, factorX, factorY = factorX, box = [0, 0, picture.width, picture.height]) {
  const [left, top, right, bottom] = box;
  const out = blank(Math.ceil((right - left) / factorX), Math.ceil((bottom - top) / factorY));
  for (let row = 0, to = 0; row < out.height; row++) {
    const firstRow = top + row * factorY;
    const endRow = Math.min(firstRow + factorY, bottom);
    for (let column = 0; column < out.width; column++, to += 3) {
      const first = left + column * factorX;
      const end = Math.min(first + factorX, right);
      averageBlock(picture, first, firstRow, end, endRow, out.data, to);
    }
  }
  return out;
}

function averageBlock(picture, left, top, right, bottom, target, to) {
  const count = (right - left) * (bottom - top);
  const multiplier = Math.floor(2 ** 24 / count);
  let red = count >> 1;
  let green = red;
  let blue = red;
  for (let row = top; row < bottom; row++) {
    for (let at = (row * picture.width + left) * 3, end = at + (right - left) * 3; at < end; at += 3) {
      red += picture.data[at];
      green += picture.data[at + 1];
      blue += picture.data[at + 2];
    }
  }
  target[to] = Math.floor((red * multiplier) / 2 ** 24);
  target[to + 1] = Math.floor((green * multiplier) / 2 ** 24);
  target[to + 2] = Math.floor((blue * multiplier) / 2 ** 24);
}

/** @type {Record<string, {support: number, weight: (x: number) => number}>} */
const FILTERS = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: bicubic },
};

function bicubic(x) {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/**
 * The part `box` of a picture at another size, antialiased when it shrinks.
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 * @param {"bilinear" | "bicubic"} filter
 * @param {{box?: Box, reducingGap?: number}} [options] reducingGap: whole blocks are averaged first, as many
 *   as leave this factor to the filter
 * @returns {Picture}
 */
export function resize(picture, width, height, filter, options = {}) {
  let box = options.box ?? [0, 0, picture.width, picture.height];
  const { support } = FILTERS[filter];
  if (options.reducingGap) {
    const scaleX = (box[2] - box[0]) / width;
    const scaleY = (box[3] - box[1]) / height;
    const factorX = Math.trunc(scaleX / options.reducingGap) || 1;
    const factorY = Math.trunc(scaleY / options.reducingGap) || 1;
    if (factorX > 1 || factorY > 1) {
      const safe = safeBox(picture, box, (support - 0.5) * scaleX, (support - 0.5) * scaleY);
      picture = reduce(picture, factorX, factorY, safe);
      box = box.map((v, side) => (v - safe[side % 2]) / (side % 2 ? factorY : factorX));
    }
  }
  const [left, top, right, bottom] = box.map(Math.fround);
  const across = filterTaps(picture.width, left, right, width, filter);
  const down = filterTaps(picture.height, top, bottom, height, filter);
  return filterRows(filterColumns(picture, across, width), down, height);
}

/** @returns {Box} of whole px around a box, as far as a filter reaches */
function safeBox(picture, [left, top, right, bottom], reachX, reachY) {
  return [
    Math.max(0, Math.trunc(left - reachX)),
    Math.max(0, Math.trunc(top - reachY)),
    Math.min(picture.width, Math.ceil(right + reachX)),
    Math.min(picture.height, Math.ceil(bottom + reachY)),
  ];
}

/** For each pixel of the result, the first one it is made from and the integer weights of those. */
function filterTaps(sourceSize, low, high, size, filter) {
  const { support, weight } = FILTERS[filter];
  const scale = Math.fround(high - low) / size;
  const widened = Math.max(scale, 1);
  const taps = [];
  for (let place = 0; place < size; place++) {
    const center = low + (place + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support * widened + 0.5), 0);
    const end = Math.min(Math.trunc(center + support * widened + 0.5), sourceSize);
    const weights = [];
    for (let at = first; at < end; at++) weights.push(weight((at - center + 0.5) / widened));
    const sum = weights.reduce((total, value) => total + value, 0);
    const whole = weights.map((value) => Math.trunc((value / sum) * PRECISION + (value / sum < 0 ? -0.5 : 0.5)));
    taps.push({ first, weights: whole });
  }
  return taps;
}

function clipped(sum) {
  return Math.min(Math.max(Math.floor(sum / PRECISION), 0), 255);
}

function filterColumns(picture, taps, width) {
  const out = blank(width, picture.height);
  for (let row = 0, to = 0; row < picture.height; row++) {
    const line = row * picture.width;
    for (let column = 0; column < width; column++, to += 3) {
      mix(picture.data, (line + taps[column].first) * 3, 3, taps[column].weights, out.data, to);
    }
  }
  return out;
}

function filterRows(picture, taps, height) {
  const out = blank(picture.width, height);
  const stride = picture.width * 3;
  for (let row = 0, to = 0; row < height; row++) {
    for (let column = 0; column < picture.width; column++, to += 3) {
      mix(picture.data, taps[row].first * stride + column * 3, stride, taps[row].weights, out.data, to);
    }
  }
  return out;
}

function mix(data, from, step, weights, target, to) {
  let red = PRECISION / 2;
  let green = red;
  let blue = red;
  for (let k = 0, at = from; k < weights.length; k++, at += step) {
    red += data[at] * weights[k];
    green += data[at + 1] * weights[k];
    blue += data[at + 2] * weights[k];
  }
  target[to] = clipped(red);
  target[to + 1] = clipped(green);
  target[to + 2] = clipped(blue);
}

/**
 * Each pixel (x, y) of a square from (a x + b y + c, d x + e y + f) of the picture, bilinear, black outside.
 * @param {Picture} picture
 * @param {number} size px
 * @param {number[]} matrix a, b, c, d, e, f
 * @returns {Picture}
 */
export function affine(picture, size, [a, b, c, d, e, f]) {
  const out = blank(size, size);
  for (let row = 0, to = 0; row < size; row++) {
    for (let column = 0; column < size; column++, to += 3) {
      const x = a * (column + 0.5) + b * (row + 0.5) + c;
      const y = d * (column + 0.5) + e * (row + 0.5) + f;
      if (x >= 0 && y >= 0 && x < picture.width && y < picture.height) between(picture, x - 0.5, y - 0.5, out.data, to);
    }
  }
  return out;
}

function between(picture, x, y, target, to) {
  const { width, height, data } = picture;
  const left = Math.floor(x);
  const top = Math.floor(y);
  const x0 = Math.max(left, 0);
  const x1 = Math.min(left + 1, width - 1);
  const y0 = Math.max(top, 0);
  const y1 = Math.min(top + 1, height - 1);
  for (let channel = 0; channel < 3; channel++) {
    const at = (column, row) => data[(row * width + column) * 3 + channel];
    const upper = at(x0, y0) + (at(x1, y0) - at(x0, y0)) * (x - left);
    const lower = at(x0, y1) + (at(x1, y1) - at(x0, y1)) * (x - left);
    target[to + channel] = Math.trunc(upper + (lower - upper) * (y - top));
  }
}
