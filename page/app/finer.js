// Which parts of a photo the network sees at a finer scale, as detect/finer.py does: windows around traces.

import { blank, cutOut, reduce } from "./pixels.js";
import { roundHalfEven } from "./crop.js";
import { keepBest } from "./overlap.js";

/** @typedef {import("./detect.js").Candidate} Candidate */
/** @typedef {{x: number, y: number, width: number, height: number, core: number[]}} Window  px of a scale */

export const longerSide = ([left, top, right, bottom]) => Math.max(right - left, bottom - top);
export const center = ([left, top, right, bottom]) => [(left + right) / 2, (top + bottom) / 2];

/** Longer side at the first pass, px: the shorter is at least that of a photo twice as wide as high. */
export function firstSideIn({ width, height }, s) {
  const ratio = Math.max(width, height) / Math.max(1, Math.min(width, height));
  return Math.min(s.max_first_side, roundHalfEven(s.first_side * Math.max(1, ratio / s.wide)));
}

/** Longer side of the smallest faces to search for, px of the photo. */
export function minFaceIn({ width, height }, s) {
  return s.min_face ?? Math.min(60, Math.max(16, Math.sqrt(width * height) / 40));
}

export const reduction = (minFace, s) => Math.max(1, roundHalfEven(minFace / s.finer.found_px));
export const coarseReduction = (minFace, s) => Math.max(1, Math.trunc(minFace / s.finer.trace_for_sure_px));

/** By how much the photo is reduced for a finer pass over a trace of a pass at `scale`; large ones need less. */
export function reductionAt({ box }, factor, scale, s) {
  const coarsest = Math.max(factor, Math.trunc(1 / (s.min_refinement * scale)));
  return Math.min(Math.max(Math.trunc(longerSide(box) / s.finer.examined_px), factor), coarsest);
}

/** Those candidates of a pass at `scale` that deserve a finer one. @param {Candidate[]} found */
export function traces(found, scale, s) {
  const sizeOf = (face) => longerSide(face.box) * scale;
  const isSmall = (face) => sizeOf(face) < s.finer.well_resolved_px;
  const isTrace = (face) =>
    face.score > s.finer.trace_score &&
    isSmall(face) &&
    s.finer.larger_traces.every(([side, score]) => sizeOf(face) < side || face.score > score);
  const known = found.filter((face) => face.score >= s.min_score && !isSmall(face));
  return found.filter((face) => isTrace(face) && !known.some((other) => holds(other.box, center(face.box))));
}

/** Whether one of the candidates of a pass at `scale` is a face that needs no finer one. @param {Candidate[]} found */
export const hasLargeFace = (found, scale, s) =>
  found.some((face) => face.score >= s.min_score && longerSide(face.box) * scale >= s.finer.well_resolved_px);

/** Whether finer candidates tell the same face better. @param {Candidate} coarse @param {Candidate[]} fine */
export const isReplaced = (coarse, fine) => fine.some((face) => holds(coarse.box, center(face.box)));

/** Whether a point lies in a box. */
export const holds = ([left, top, right, bottom], [x, y]) => x > left && x < right && y > top && y < bottom;

/** Windows that show every trace of a pass at `scale`; wide ones where that costs less. @returns {Window[]} */
export function windowsAround(faint, picture, factor, scale, s) {
  const level = levelSize(picture, factor);
  const step = 1 / (factor * scale);
  const least = s.finer.window_px + s.finer.window_px_a_step * step;
  let budget = s.finer.mostly * level[0] * level[1];
  let leftOver = keepBest(faint, s.finer.same_trace)
    .map(({ box }) => ({
      place: center(box).map((value) => value / factor),
      side: Math.max(least, (s.finer.window_sizes * longerSide(box)) / factor),
    }));
  if (leftOver.length >= s.finer.crowd) return wideWindows(picture, factor, s);
  const parts = [];
  while (leftOver.length > 0) {
    const { place, side } = leftOver[0];
    const size = windowSize(side, level, s);
    const corner = [0, 1].map((k) =>
      Math.min(Math.max(roundHalfEven(place[k] - size[k] / 2), 0), Math.max(level[k] - size[k], 0)),
    );
    parts.push(newWindow(corner, size, level, s));
    budget -= size[0] * size[1];
    if (budget < 0 && parts.length > 1) return wideWindows(picture, factor, s);
    const reach = size.map((length) => length / 2 - s.finer.margin_px - (s.finer.window_px_a_step * step) / 4);
    const isSeen = (other) =>
      other.side <= side && [0, 1].every((k) => Math.abs(other.place[k] - corner[k] - size[k] / 2) <= reach[k]);
    leftOver = leftOver.filter((other, n) => n > 0 && !isSeen(other));
  }
  return parts;
}

/** Windows that show the whole photo. @returns {Window[]} */
export function wideWindows(picture, factor, s) {
  const level = levelSize(picture, factor);
  const size = windowSize(s.finer.wide_px, level, s);
  const step = s.finer.wide_px - 2 * s.finer.margin_px - s.finer.max_face_px;
  const [xs, ys] = level.map((length) => {
    const end = Math.max(1, length - s.finer.wide_px + step);
    return Array.from({ length: Math.ceil(end / step) }, (_, n) => n * step);
  });
  return ys.flatMap((y) => xs.map((x) => newWindow([x, y], size, level, s)));
}

const levelSize = ({ width, height }, factor) => [Math.ceil(width / factor), Math.ceil(height / factor)];
const windowSize = (side, level, s) => level.map((length) => Math.min(Math.ceil(side / s.cell), Math.ceil(length / s.cell)) * s.cell);

function newWindow([x, y], [width, height], level, s) {
  const margin = s.finer.margin_px;
  const core = [
    x > 0 ? x + margin : -Infinity,
    y > 0 ? y + margin : -Infinity,
    x + width < level[0] ? x + width - margin : Infinity,
    y + height < level[1] ? y + height - margin : Infinity,
  ];
  return { x, y, width, height, core };
}

/** The pixels of a window, each the mean of `factor` x `factor` px of the photo; black beyond it. */
export function cutWindow(picture, { x, y, width, height }, factor) {
  if (factor === 1) return cutOut(picture, x, y, width, height);
  const right = Math.min(factor * (x + width), picture.width);
  const bottom = Math.min(factor * (y + height), picture.height);
  const small = reduce(picture, factor, factor, [factor * x, factor * y, right, bottom]);
  if (small.width === width && small.height === height) return small;
  const out = blank(width, height);
  for (let row = 0; row < small.height; row++) {
    out.data.set(small.data.subarray(row * small.width * 3, (row + 1) * small.width * 3), row * width * 3);
  }
  return out;
}

/** Whether a candidate, px of the level, is this window's to tell. */
export function answersFor({ core }, face, s) {
  const [x, y] = center(face.box);
  const inside = x >= core[0] && x < core[2] && y >= core[1] && y < core[3];
  return inside && longerSide(face.box) <= s.finer.max_face_px;
}
