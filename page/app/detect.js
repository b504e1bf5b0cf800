// Finding faces, as detect.py does: the whole photo, finer passes over traces, closer passes over the doubtful ones.

import { blank, mirrored, reduce, resize } from "./pixels.js";
import { resampleCrop, roundHalfEven } from "./crop.js";
import {
  answersFor,
  center,
  coarseReduction,
  cutWindow,
  firstSideIn,
  hasLargeFace,
  holds,
  isReplaced,
  longerSide,
  minFaceIn,
  reduction,
  reductionAt,
  traces,
  wideWindows,
  windowsAround,
} from "./finer.js";
import { keepBest, overlap } from "./overlap.js";

/** @typedef {{box: number[], score: number, roll: number}} Candidate  box: left, top, right, bottom, px */
/** @typedef {{picture: import("./pixels.js").Picture, factor: number}} Reduced  a photo, and px of it a px */
/** @typedef {{width: number, height: number, channels: Float32Array}[]} Maps  one a stride, 7 * height * width */

export class Detector {
  /**
   * @param {(pictures: import("./pixels.js").Picture[]) => Promise<Maps[]>} run  the network, on pictures of one size
   * @param {object} settings  the detector's constants, as Python exported them
   */
  constructor(run, settings) {
    this.run = run;
    this.settings = settings;
  }

  /** Faces of a photo, best first. @returns {Promise<Candidate[]>} */
  async detect(picture) {
    const s = this.settings;
    const lowest = Math.min(s.min_score, s.doubtful[0]);
    const { found, smaller } = await this.candidates(picture);
    const likely = found.filter((face) => face.score > lowest);
    const pictures = [{ picture, factor: 1 }, ...smaller];
    const kept = keepBest(likely, s.max_overlap);
    const settled = await this.settleDoubts(pictures, kept.filter((face) => !isHiddenByHead(face, kept, s)));
    return distinct(settled.filter((face) => face.score >= s.min_score));
  }

  /**
   * Candidates of all passes over the whole photo and over parts of it, and what the photo was reduced to.
   * @returns {Promise<{found: Candidate[], smaller: Reduced[]}>}
   */
  async candidates(picture) {
    const s = this.settings;
    const minFace = minFaceIn(picture, s);
    const factor = reduction(minFace, s);
    let scale = firstSideIn(picture, s) / Math.max(picture.width, picture.height);
    if (1 / factor < s.min_refinement * scale) return { found: await this.whole(picture), smaller: [] };
    if ((s.min_face ?? null) === null && Math.max(picture.width, picture.height) <= s.portrait_px) {
      const portrait = await this.whole(picture);
      if (hasLargeFace(portrait, scale, s)) return { found: portrait, smaller: [] };
      const fine = await this.whole(picture, Math.max(picture.width, picture.height));
      return { found: [...fine, ...portrait], smaller: [] };
    }
    let before = [];
    const smaller = [];
    let found;
    let least = 0;
    if (minFace * scale < s.finer.trace_px) {
      const coarse = coarseReduction(minFace, s);
      const reduced = reduce(picture, coarse);
      smaller.push({ picture: reduced, factor: coarse });
      const enlarged = (face) => ({ ...face, box: face.box.map((value) => value * coarse) });
      scale = 1 / coarse;
      before = (await this.whole(reduced)).map(enlarged);
      found = (await this.parts(reduced, wideWindows(reduced, 1, s), 1, s.finer.trace_score)).map(enlarged);
      least = s.finer.clear_score; // for that was a finer pass too
    } else {
      found = await this.whole(picture);
    }
    // What is doubtful may be rejected later: until then it hides nobody.
    const sure = { ...s, min_score: Math.max(s.min_score, s.doubtful[1]) };
    const faint = traces(found, scale, sure);
    const fine = await this.finer(picture, faint, factor, scale);
    const others = found.filter((face) => face.score >= least && !(faint.includes(face) && isReplaced(face, fine)));
    return { found: [...before, ...fine, ...others], smaller };
  }

  /** Candidates of a pass over the whole photo, its longer side `side` px. */
  async whole(picture, side = firstSideIn(picture, this.settings)) {
    const s = this.settings;
    const minSide = roundHalfEven(s.min_fraction * side);
    const { canvas, scaleX, scaleY } = letterbox(picture, side, minSide, s.cell);
    const [maps] = await this.run([canvas]);
    const scales = [scaleX, scaleY, scaleX, scaleY];
    const found = decode(maps, s, s.finer.trace_score);
    return found.map((face) => ({ ...face, box: face.box.map((value, k) => value / scales[k]) }));
  }

  /** Candidates of finer passes over traces that a pass at `scale` left. @param {Candidate[]} faint */
  async finer(picture, faint, factor, scale) {
    const s = this.settings;
    const found = [];
    const levels = faint.map((face) => reductionAt(face, factor, scale, s));
    for (const level of [...new Set(levels)].sort((a, b) => a - b)) {
      const there = faint.filter((_, k) => levels[k] === level);
      const windows = windowsAround(there, picture, level, scale, s);
      found.push(...(await this.parts(picture, windows, level, s.finer.clear_score)));
    }
    return found;
  }

  /** Candidates in windows of the photo. @param {import("./finer.js").Window[]} parts */
  async parts(picture, parts, factor, minScore) {
    const s = this.settings;
    const found = [];
    for (const part of parts) {
      const [maps] = await this.run([cutWindow(picture, part, factor)]);
      const offset = [part.x, part.y, part.x, part.y];
      for (const face of decode(maps, s, minScore)) {
        const there = { ...face, box: face.box.map((value, k) => value + offset[k]) };
        if (answersFor(part, there, s)) found.push({ ...there, box: there.box.map((value) => value * factor) });
      }
    }
    return found;
  }

  /** The same candidates after a closer pass over the doubtful and the leaning ones. */
  async settleDoubts(pictures, found) {
    const s = this.settings;
    const [low, high] = s.doubtful;
    const isDoubtful = (face) => face.score > low && face.score < high;
    const isLeaning = (face) => face.score > low && Math.abs(face.roll) > s.leaning;
    const chosen = found.filter((face) => isDoubtful(face) || isLeaning(face)).slice(0, s.max_closeups);
    const passes = chosen.flatMap((face) =>
      (isLeaning(face) ? [face.roll, 0] : [face.roll]).map((roll) => ({ face, roll })),
    );
    if (passes.length === 0) return found;
    const maps = await this.run(passes.map(({ face, roll }) => closeup(pictures, face, roll, s)));
    const examined = passes.map((pass, row) => ({ ...pass, ...closeupFace(maps[row], pass, s) }));
    return found.map((face) => {
      const mine = examined.filter((pass) => pass.face === face);
      if (mine.length === 0) return face;
      const best = mine.reduce((a, b) => (plausibility(b, s) > plausibility(a, s) ? b : a));
      const score = isDoubtful(face) ? sigmoid((logit(face.score) + logit(best.score)) / 2) : face.score;
      const roll = isLeaning(face) ? wrapped(best.roll + best.lean) : face.roll;
      const box = best.box ? meanBox([face.box, best.box], [face.score, best.score]) : face.box;
      return { ...face, box, score, roll };
    });
  }

  /**
   * Places where something else has found faces as closeups alone see them; a score of almost 0 tells of none.
   * @param {Candidate[]} places @returns {Promise<Candidate[]>}
   */
  async lookCloser(picture, places) {
    const s = this.settings;
    if (places.length === 0) return [];
    const pictures = [{ picture, factor: 1 }];
    const maps = await this.run(places.map((place) => closeup(pictures, place, place.roll, s)));
    return places.map((place, row) => {
      const { box, score, lean } = closeupFace(maps[row], { face: place, roll: place.roll }, s);
      return { box: box ?? place.box, score, roll: wrapped(place.roll + lean) };
    });
  }
}

const logit = (probability) => Math.log(probability / (1 - probability));
const sigmoid = (value) => 1 / (1 + Math.exp(-value));
const wrapped = (angle) => Math.atan2(Math.sin(angle), Math.cos(angle));

function plausibility({ roll, score, lean }, s) {
  return score * (1 + Math.cos(lean)) * (roll === 0 ? s.upright_odds : 1);
}

/** What a closeup of a box shows of the photo. @returns {import("./crop.js").CropBox} */
function around(box, roll, s) {
  const [x, y] = center(box);
  return { x, y, side: (longerSide(box) * s.closeup_px) / s.closeup_face_px, size: s.closeup_px, roll };
}

/** A candidate alone, from the coarsest picture that has its pixels: turned upright, mirrored, of a known size. */
function closeup(pictures, { box }, roll, s) {
  const { picture, factor } = pictures.findLast(
    (reduced) => reduced.factor === 1 || longerSide(box) >= reduced.factor * s.closeup_face_px,
  );
  const shown = around(box, roll, s);
  return mirrored(resampleCrop(picture, { ...shown, x: shown.x / factor, y: shown.y / factor, side: shown.side / factor }));
}

/** Score, remaining roll and box in the photo of the best face that is where the closeup of a face has it. */
function closeupFace(maps, { face, roll }, s) {
  const edge = (s.closeup_px - s.closeup_face_px) / 2;
  const expected = [edge, edge, s.closeup_px - edge, s.closeup_px - edge];
  const there = decode(maps, s, s.lowest_score).filter((found) => overlap(expected, found.box) > s.same_face);
  if (there.length === 0) return { score: s.lowest_score, lean: 0, box: null };
  const best = there.reduce((a, b) => (b.score > a.score ? b : a));
  const agreeing = there.filter(({ box }) => overlap(best.box, box) > s.agreeing);
  const inCloseup = meanBox(
    agreeing.map(({ box }) => box),
    agreeing.map(({ score }) => score),
  );
  return { score: best.score, lean: -best.roll, box: boxInPhoto(inCloseup, around(face.box, roll, s)) };
}

/** A box of the mirrored closeup in the photo: of a turned one that of the ellipse that its box holds. */
function boxInPhoto(box, { x, y, side, size, roll }) {
  const [cosine, sine, scale] = [Math.cos(roll), Math.sin(roll), side / size];
  const [middleX, middleY] = center(box);
  const [across, down] = [(size / 2 - middleX) * scale, (middleY - size / 2) * scale];
  const [centerX, centerY] = [x + cosine * across + sine * down, y - sine * across + cosine * down];
  const [halfWidth, halfHeight] = [((box[2] - box[0]) / 2) * scale, ((box[3] - box[1]) / 2) * scale];
  const [halfX, halfY] = [
    Math.hypot(cosine * halfWidth, sine * halfHeight),
    Math.hypot(sine * halfWidth, cosine * halfHeight),
  ];
  return [centerX - halfX, centerY - halfY, centerX + halfX, centerY + halfY];
}

function meanBox(boxes, weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return [0, 1, 2, 3].map((k) => boxes.reduce((sum, box, n) => sum + weights[n] * box[k], 0) / total);
}

/** The photo with its longer side at `side` px, black to the right and below up to whole cells. */
export function letterbox(picture, side, minSide, cell) {
  const { width, height } = picture;
  const longer = Math.max(width, height);
  const factor = Math.ceil(longer / side);
  let small;
  let scaleX = 1 / factor;
  let scaleY = 1 / factor;
  if (minSide !== null && factor > 1 && longer / factor >= minSide) {
    small = reduce(picture, factor);
  } else {
    const scale = Math.min(side / longer, 2);
    const [newWidth, newHeight] = [width, height].map((length) => Math.max(roundHalfEven(length * scale), 1));
    const same = newWidth === width && newHeight === height;
    small = same ? picture : resize(picture, newWidth, newHeight, "bilinear", { reducingGap: 2 });
    [scaleX, scaleY] = [newWidth / width, newHeight / height];
  }
  const canvas = blank(Math.ceil(small.width / cell) * cell, Math.ceil(small.height / cell) * cell);
  for (let row = 0; row < small.height; row++) {
    canvas.data.set(small.data.subarray(row * small.width * 3, (row + 1) * small.width * 3), row * canvas.width * 3);
  }
  return { canvas, scaleX, scaleY };
}

/** @param {Maps} maps @returns {Candidate[]} px of the picture the network saw */
function decode(maps, s, minScore) {
  return maps.flatMap((level, k) => decodeLevel(level, s.strides[k], s.bases_px[k], minScore));
}

/** Candidates of one scale: logit, log distances to the four sides, vector to the top of the head. */
export function decodeLevel({ width, height, channels }, stride, basePx, minScore) {
  const found = [];
  const count = width * height;
  const least = logit(minScore);
  for (let cell = 0; cell < count; cell++) {
    if (!(channels[cell] > least)) continue;
    const x = ((cell % width) + 0.5) * stride;
    const y = (Math.floor(cell / width) + 0.5) * stride;
    const distance = (k) => basePx * Math.exp(Math.min(Math.max(channels[k * count + cell], -6), 6));
    const box = [x - distance(1), y - distance(2), x + distance(3), y + distance(4)];
    const roll = Math.atan2(-channels[5 * count + cell], -channels[6 * count + cell]);
    found.push({ box, score: sigmoid(channels[cell]), roll });
  }
  return found;
}

/**
 * Whether a face is a suspicion in the middle of another one's head, such as an ear (candidates.py).
 * @param {Candidate} face @param {Candidate[]} others
 */
function isHiddenByHead(face, others, s) {
  const sureScore = s.doubtful[1];
  if (face.score >= sureScore) return false;
  return others.some((other) => {
    const side = longerSide(other.box);
    if (other.score < sureScore || longerSide(face.box) >= s.part_of_head * side) return false;
    const [x, y] = [0, 1].map((k) => center(face.box)[k] - center(other.box)[k]);
    const [cosine, sine] = [Math.cos(other.roll), Math.sin(other.roll)];
    const across = (cosine * x - sine * y) / (s.head_half_wh[0] * side);
    const along = (sine * x + cosine * y + s.head_up * side) / (s.head_half_wh[1] * side);
    return across ** 2 + along ** 2 < 1;
  });
}

/** Of two that hold each other's center the better one, best first. @param {Candidate[]} faces */
function distinct(faces) {
  const kept = [];
  for (const face of [...faces].sort((a, b) => b.score - a.score)) {
    const isSame = (better) => holds(better.box, center(face.box)) && holds(face.box, center(better.box));
    if (!kept.some(isSame)) kept.push(face);
  }
  return kept;
}
