// Faces followed from picture to picture (video/tracker.py): each is aligned where it is expected; a few times a
// second the detector confirms them, finds newcomers and ends those it no longer sees.

import { overlap } from "./overlap.js";
import { boxOf, imageFromModel, uprightRoll } from "./geometry.js";

/**
 * @typedef {object} Track
 * @property {import("./aligner.js").Aligned} face
 * @property {number[]} box  around the landmarks, px
 * @property {number} time  s
 * @property {number[]} velocity  px a second
 */

const center = ([left, top, right, bottom]) => [(left + right) / 2, (top + bottom) / 2];
const size = ([left, top, right, bottom]) => Math.max(right - left, bottom - top);

export class Follower {
  /**
   * @param {import("./detect.js").Detector} detector
   * @param {import("./regressor.js").Regressor} regressor
   * @param {Record<string, number>} settings  Python's TrackingConfig
   */
  constructor(detector, regressor, settings) {
    this.detector = detector;
    this.regressor = regressor;
    this.settings = settings;
    /** @type {Track[]} */
    this.tracks = [];
    this.detectedAt = -Infinity;
  }

  /**
   * The faces of the next picture, in the order in which they appeared.
   * @param {import("./pixels.js").Picture} picture
   * @param {number} time  s, after the one before
   * @param {number} passes  passes over a newcomer
   * @returns {Promise<import("./aligner.js").Aligned[]>}
   */
  async step(picture, time, passes = 2) {
    await this.follow(picture, time);
    if (time - this.detectedAt >= this.settings.detect_every_s - 1e-6) {
      await this.detect(picture, time, passes);
      this.detectedAt = time;
    }
    return this.tracks.map((track) => track.face);
  }

  /** Aligns every face where it is expected; those that jump or leave are lost. */
  async follow(picture, time) {
    const boxes = this.tracks.map((track) => this.expected(track, time));
    const faces = this.tracks.map(({ face }, k) => ({
      box: boxes[k],
      score: face.detection.score,
      roll: uprightRoll(face.camera.rotation),
    }));
    const found = await this.regressor.align(picture, faces, 1);
    const kept = [];
    this.tracks.forEach((track, k) => {
      const moved = this.moved(track, found[k], time);
      if (this.isPlausible(boxes[k], moved.box, picture) && !this.isTaken(moved.box, kept)) kept.push(moved);
    });
    this.tracks = kept;
  }

  /** @param {Track} track */
  expected({ box, velocity, time }, now) {
    const ahead = Math.min(now - time, this.settings.ahead_s);
    return box.map((value, k) => value + velocity[k % 2] * ahead);
  }

  moved({ box, velocity, time }, face, now) {
    const here = this.landmarkBox(face);
    const elapsed = now - time;
    const [before, after] = [center(box), center(here)];
    const steady = elapsed > 0 && elapsed < 0.5;
    const speed = velocity.map((value, k) => (steady ? 0.5 * value + (0.5 * (after[k] - before[k])) / elapsed : 0));
    return { face, box: here, time: now, velocity: speed };
  }

  isPlausible(expected, box, { width, height }) {
    const [x, y] = center(box);
    const [fromX, fromY] = center(expected);
    const near = Math.hypot(x - fromX, y - fromY) < this.settings.largest_step * size(expected); // NaN is not near
    return near && x > 0 && y > 0 && x < width && y < height;
  }

  isTaken(box, tracks) {
    return tracks.some((track) => overlap(box, track.box) > this.settings.same_face);
  }

  /** The detector's word: faces it sees stay, others end, new ones begin. */
  async detect(picture, time, passes) {
    const found = await this.detector.detect(picture);
    const pairs = this.tracks.flatMap((track, t) => found.map((face, d) => ({ shared: overlap(track.box, face.box), t, d })));
    const [stay, known] = [new Set(), new Set()];
    for (const { shared, t, d } of pairs.sort((a, b) => b.shared - a.shared)) {
      if (shared < this.settings.overlap || stay.has(t) || known.has(d)) continue;
      stay.add(t);
      known.add(d);
    }
    this.tracks = this.tracks.filter((_, t) => stay.has(t));
    const unknown = found.filter((_, d) => !known.has(d));
    const fresh = await this.regressor.alignFound(picture, unknown, passes, this.detector);
    for (const face of fresh) {
      const box = this.landmarkBox(face);
      if (!this.isTaken(box, this.tracks)) this.tracks.push({ face, box, time, velocity: [0, 0] });
    }
  }

  landmarkBox({ camera, identity, expression }) {
    return boxOf(imageFromModel(camera, this.regressor.landmarks(identity, expression)));
  }
}
