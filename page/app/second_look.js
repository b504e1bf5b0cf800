// A second look at doubtful faces, as aligner/second_look.py has it: detector and network are both asked again where
// the face was aligned. Of a face they agree.

import { boxOf, hasNumbers, imageFromModel, uprightRoll } from "./geometry.js";
import { overlap } from "./overlap.js";

export class SecondLook {
  /**
   * @param {import("./detect.js").Detector} detector
   * @param {import("./regressor.js").Regressor} regressor
   */
  constructor(detector, regressor) {
    this.detector = detector;
    this.regressor = regressor;
    this.belief = regressor.settings.belief;
  }

  /**
   * The faces that are believed, null for the others.
   * @param {import("./aligner.js").Aligned[]} faces  as aligned at first
   * @param {boolean[]} certain  whether each is certain enough to be believed if its detection is
   */
  async settled(picture, faces, certain, passes) {
    const { low_score: low, framed } = this.belief;
    const sure = faces.map(({ detection }, k) => certain[k] && detection.score >= low);
    const settled = faces.map((face, k) => (sure[k] ? face : null));
    const isFramed = (face) => overlap(face.detection.box, boxOf(this.landmarks(face))) >= framed;
    const due = [...faces.keys()].filter((k) => hasNumbers(faces[k]) && !(sure[k] && isFramed(faces[k])));
    const looks = [];
    for (const k of due) {
      const look = await this.look(picture, faces[k]);
      if (look && (certain[k] || look.confirms)) looks.push({ k, ...look });
    }
    const again = await this.regressor.align(picture, looks.map(({ place }) => place), passes);
    looks.forEach(({ k, score }, row) => {
      const limit = this.limit(Math.min(score, faces[k].detection.score), certain[k]);
      const isCertain = hasNumbers(again[row]) && !(again[row].uncertainty > limit); // null is not
      if (isCertain && this.agree(faces[k], again[row])) settled[k] = again[row];
    });
    return settled;
  }

  /** How uncertain the second alignment may be, mm (belief.py). */
  limit(score, isCertain) {
    const { low_score: low, when_beyond: beyond, when_beyond_but_seen: seen } = this.belief;
    return (this.regressor.settings.max_uncertainty_mm ?? Infinity) * (isCertain ? 1 : score < low ? beyond : seen);
  }

  /** What the detector sees where a face was aligned; null where that is no place. */
  async look(picture, face) {
    const { least_px: least, confirming_score: leastScore, confirming_turn: most } = this.belief;
    const [box, roll] = [boxOf(this.landmarks(face)), uprightRoll(face.camera.rotation)];
    if (Math.min(box[2] - box[0], box[3] - box[1]) < least) return null;
    const place = { box, score: face.detection.score, roll };
    const [seen] = await this.detector.lookCloser(picture, [place]);
    const turn = Math.abs(Math.atan2(Math.sin(seen.roll - roll), Math.cos(seen.roll - roll)));
    const confirms = seen.score >= leastScore && turn <= most;
    return { place: confirms ? { ...place, box: seen.box } : place, score: seen.score, confirms };
  }

  /** Whether two alignments have the landmarks at the same places. */
  agree(first, second) {
    const [points, others] = [this.landmarks(first), this.landmarks(second)];
    const [left, top, right, bottom] = boxOf(points);
    let apart = 0;
    for (let at = 0; at < points.length; at += 3) {
      apart += Math.hypot(points[at] - others[at], points[at + 1] - others[at + 1]);
    }
    return apart / (points.length / 3) <= this.belief.agreement * Math.max(right - left, bottom - top);
  }

  /** (68 * 3) px of the photo. */
  landmarks({ camera, identity, expression }) {
    return imageFromModel(camera, this.regressor.landmarks(identity, expression));
  }
}
