// From cropBoxes of the photo to pose, identity and expression (methods/regressor.py): a look, and a second one
// in a better crop box at those faces whose crop box was not cut as it should have been; then what is in front of the
// face, and close-ups of what is not hidden.

import { cameraInImage, isClose, resampleCrop, squareAroundBox, squareAroundPoints } from "./crop.js";
import { hasNumbers, imageFromModel, uprightRoll } from "./geometry.js";
import { SecondLook } from "./second_look.js";

/**
 * @typedef {object} Seen
 * @property {import("./geometry.js").Camera} camera  of the photo
 * @property {Float32Array} identity
 * @property {Float32Array} expression
 * @property {Record<string, import("./expression_keys.js").KeyScale>} [keyScales]  what the weights of keys mean
 * @property {number | null} uncertainty  how far several looks are apart, mm; null after one
 * @property {import("./face_mask.js").FaceMask | null} [shown]  what is in front of the face; null where nobody looked
 */

/** @typedef {{rotation: Float32Array, scale: Float32Array, translation: Float32Array,
 *   identity: Float32Array, expression: Float32Array, uncertainty?: Float32Array}} Outputs  of n crops one after another */

export class Regressor {
  /**
   * @param {(crops: import("./pixels.js").Picture[]) => Promise<Outputs>} run
   * @param {import("./model.js").FaceModel} model
   * @param {object} settings  crop_size, crop_margin, well_framed, largest_step, max_uncertainty_mm, scheme
   * @param {{closeUps?: import("./close_ups.js").CloseUps | null, occlusion?: import("./face_mask.js").Occlusion | null,
   *   firstLook?: Regressor | null}} [looks]  what looks at the face beside the network of the whole of it
   */
  constructor(run, model, settings, { closeUps = null, occlusion = null, firstLook = null } = {}) {
    this.run = run;
    this.firstLook = firstLook;
    this.closeUps = closeUps;
    this.occlusion = occlusion;
    this.model = model;
    this.settings = settings;
  }

  /**
   * @param {import("./detect.js").Candidate[]} faces
   * @param {Regressor | null} [firstLook]  takes the first of several passes (predictor.py)
   */
  async align(picture, faces, passes = 2, firstLook = null) {
    let cropBoxes = faces.map((face) => squareAroundBox(face.box, this.cut(face.roll)));
    let left = passes;
    if (firstLook && passes > 1) {
      const seen = await firstLook.predict(picture, cropBoxes.map((box) => ({ ...box, size: firstLook.settings.crop_size })));
      cropBoxes = cropBoxes.map((cropBox, k) => this.refined(cropBox, seen[k]));
      left -= 1;
    }
    const found = await this.predict(picture, cropBoxes);
    for (let pass = 1; pass < left; pass++) {
      const refined = cropBoxes.map((cropBox, k) => this.refined(cropBox, found[k]));
      const again = [...cropBoxes.keys()].filter((k) => !isClose(cropBoxes[k], refined[k], this.settings.well_framed));
      if (again.length === 0) break;
      const better = await this.predict(picture, again.map((k) => refined[k]));
      again.forEach((k, row) => {
        if (!hasNumbers(better[row])) return;
        cropBoxes[k] = refined[k];
        found[k] = better[row];
      });
    }
    const finished = await this.finished(picture, found);
    return finished.map((seen, k) => ({ ...seen, cropBox: cropBoxes[k], detection: faces[k] }));
  }

  /** The same after the last look; what is not finite stays as it is. @param {Seen[]} found @returns {Promise<Seen[]>} */
  async finished(picture, found) {
    const known = found.filter(hasNumbers);
    const masked = [];
    for (const face of known) masked.push(await this.withMask(picture, face));
    const better = this.closeUps ? await this.closeUps.finish(picture, masked) : masked;
    const finished = new Map(known.map((face, k) => [face, better[k]]));
    return found.map((seen) => finished.get(seen) ?? seen);
  }

  /** A face with what is seen in front of it. @returns {Promise<Seen>} */
  async withMask(picture, face) {
    if (!this.occlusion) return face;
    const landmarks = imageFromModel(face.camera, this.landmarks(face.identity, face.expression));
    return { ...face, shown: await this.occlusion.look(picture, face.camera, landmarks) };
  }

  /**
   * The faces of what the detector found (aligner.py, align_found): what is not certain is looked at again upright
   * and upside down, and has to be twice as certain then. Where the detector's score is low the limit is too. What
   * is doubtful still is looked at by the detector as well, where it was aligned.
   * @param {import("./detect.js").Candidate[]} found
   * @param {import("./detect.js").Detector} detector  that found them
   */
  async alignFound(picture, found, passes, detector) {
    const limits = found.map(({ score }) => this.limitAt(score));
    const isCertain = ({ uncertainty }, k) => !(uncertainty > limits[k]); // null is not
    const onItsHead = ({ uncertainty, detection }) =>
      uncertainty !== null && Math.cos(detection.roll) < this.settings.on_its_head;
    const doubtfulOf = (faces) => [...faces.keys()].filter((k) => !isCertain(faces[k], k) || onItsHead(faces[k]));
    const faces = await this.align(picture, found, passes, this.firstLook);
    if (this.firstLook) {
      const unsure = doubtfulOf(faces);
      const alone = await this.align(picture, unsure.map((k) => found[k]), passes);
      unsure.forEach((k, row) => {
        if (alone[row].uncertainty < faces[k].uncertainty) faces[k] = alone[row];
      });
    }
    const certainAtOnce = faces.map(isCertain);
    const doubtful = doubtfulOf(faces);
    const turned = doubtful.flatMap((k) => {
      const { detection } = faces[k];
      return [0, detection.roll + Math.PI].map((roll) => ({ ...detection, roll }));
    });
    const again = await this.align(picture, turned, passes);
    doubtful.forEach((k, row) => {
      const looks = [faces[k], ...again.slice(2 * row, 2 * row + 2)];
      faces[k] = looks.reduce((best, look) => (look.uncertainty < best.uncertainty ? look : best));
    });
    const certain = faces.map((face, k) => certainAtOnce[k] || face.uncertainty <= limits[k] / 2);
    const settled = await new SecondLook(detector, this).settled(picture, faces, certain, passes);
    return settled.filter((face) => face !== null && hasNumbers(face));
  }

  /** How uncertain a face may be that the detector scored so, mm (belief.py). */
  limitAt(score) {
    const { faint_score: faint, sure_score: sureScore, stricter } = this.settings.belief;
    const sure = Math.min(Math.max((score - faint) / (sureScore - faint), 0), 1);
    return (this.settings.max_uncertainty_mm ?? Infinity) * (stricter + (1 - stricter) * sure);
  }

  cut(roll) {
    return { size: this.settings.crop_size, margin: this.settings.crop_margin, roll };
  }

  /** @returns {Promise<Seen[]>} */
  async predict(picture, cropBoxes) {
    if (cropBoxes.length === 0) return [];
    const out = await this.run(cropBoxes.map((cropBox) => resampleCrop(picture, cropBox)));
    return cropBoxes.map((cropBox, row) => {
      const part = (values, width) => values.slice(row * width, (row + 1) * width);
      const rotation = Array.from(part(out.rotation, 9));
      const translation = [...part(out.translation, 2), 0];
      const camera = cameraInImage(cropBox, { rotation, scale: out.scale[row], translation });
      const identity = part(out.identity, out.identity.length / cropBoxes.length);
      const expression = part(out.expression, out.expression.length / cropBoxes.length);
      const uncertainty = out.uncertainty ? out.uncertainty[row] : null;
      return { camera, identity, expression, uncertainty, keyScales: this.settings.expression_keys };
    });
  }

  /** P * 3 mm in the model's frame. @returns {Float32Array} */
  landmarks(identity, expression) {
    return this.model.landmarksOf(identity, expression, this.settings.scheme);
  }

  /** The crop box around the landmarks, or the old one where the network clearly failed. */
  refined(cropBox, { camera, identity, expression }) {
    const points = imageFromModel(camera, this.landmarks(identity, expression));
    const better = squareAroundPoints(points, this.cut(uprightRoll(camera.rotation)));
    const step = better.side / cropBox.side;
    const largest = this.settings.largest_step;
    return step > 1 / largest && step < largest ? better : cropBox; // NaN keeps the old one
  }
}
