// From squares of the photo to pose, identity and expression (methods/regressor.py): a look, and a second one
// in a better square at those faces whose square was not cut as it should have been.

import { cameraInImage, isClose, resampleCrop, squareAroundBox, squareAroundPoints } from "./crop.js";
import { imageFromModel, uprightRoll } from "./geometry.js";

/**
 * @typedef {object} Seen
 * @property {import("./geometry.js").Camera} camera  of the photo
 * @property {Float32Array} identity
 * @property {Float32Array} expression
 * @property {number | null} uncertainty  how far several looks are apart, mm; null after one
 */

/** @typedef {{rotation: Float32Array, scale: Float32Array, translation: Float32Array,
 *   identity: Float32Array, expression: Float32Array, uncertainty?: Float32Array}} Outputs  of n crops one after another */

export class Regressor {
  /**
   * @param {(crops: import("./pixels.js").Picture[]) => Promise<Outputs>} run
   * @param {import("./model.js").FaceModel} model
   * @param {object} settings  crop_size, crop_margin, well_framed, largest_step, max_uncertainty_mm, scheme
   */
  constructor(run, model, settings) {
    this.run = run;
    this.model = model;
    this.settings = settings;
  }

  /** @param {import("./detect.js").Candidate[]} faces */
  async align(picture, faces, passes = 2) {
    const squares = faces.map((face) => squareAroundBox(face.box, this.cut(face.roll)));
    const found = await this.predict(picture, squares);
    for (let pass = 1; pass < passes; pass++) {
      const refined = squares.map((square, k) => this.refined(square, found[k]));
      const again = [...squares.keys()].filter((k) => !isClose(squares[k], refined[k], this.settings.well_framed));
      if (again.length === 0) break;
      const better = await this.predict(picture, again.map((k) => refined[k]));
      again.forEach((k, row) => {
        squares[k] = refined[k];
        found[k] = better[row];
      });
    }
    return found.map((seen, k) => ({ ...seen, square: squares[k], detection: faces[k] }));
  }

  /**
   * The faces of what the detector found (aligner.py, align_found): what is not certain is looked at again upright
   * and upside down, and has to be twice as certain then.
   * @param {import("./detect.js").Candidate[]} found
   */
  async alignFound(picture, found, passes = 2) {
    const most = this.settings.max_uncertainty_mm ?? Infinity;
    const faces = await this.align(picture, found, passes);
    const seenAtOnce = faces.map(({ uncertainty }) => !(uncertainty > most)); // null is not
    const onItsHead = ({ uncertainty, detection }) =>
      uncertainty !== null && Math.cos(detection.roll) < this.settings.on_its_head;
    const doubtful = [...faces.keys()].filter((k) => !seenAtOnce[k] || onItsHead(faces[k]));
    const turned = doubtful.flatMap((k) => {
      const { detection } = faces[k];
      return [0, detection.roll + Math.PI].map((roll) => ({ ...detection, roll }));
    });
    const again = await this.align(picture, turned, passes);
    doubtful.forEach((k, row) => {
      const looks = [faces[k], ...again.slice(2 * row, 2 * row + 2)];
      faces[k] = looks.reduce((best, look) => (look.uncertainty < best.uncertainty ? look : best));
    });
    return faces.filter(({ uncertainty }, k) => seenAtOnce[k] || uncertainty <= most / 2);
  }

  cut(roll) {
    return { size: this.settings.crop_size, margin: this.settings.crop_margin, roll };
  }

  /** @returns {Promise<Seen[]>} */
  async predict(picture, squares) {
    if (squares.length === 0) return [];
    const out = await this.run(squares.map((square) => resampleCrop(picture, square)));
    return squares.map((square, row) => {
      const part = (values, width) => values.slice(row * width, (row + 1) * width);
      const rotation = Array.from(part(out.rotation, 9));
      const translation = [...part(out.translation, 2), 0];
      const camera = cameraInImage(square, { rotation, scale: out.scale[row], translation });
      const identity = part(out.identity, out.identity.length / squares.length);
      const expression = part(out.expression, out.expression.length / squares.length);
      return { camera, identity, expression, uncertainty: out.uncertainty ? out.uncertainty[row] : null };
    });
  }

  /** P * 3 mm in the model's frame. @returns {Float32Array} */
  landmarks(identity, expression) {
    const vertices = this.model.vertices(identity, expression);
    return this.model.landmarks(vertices, identity, expression, this.settings.scheme);
  }

  /** The square around the landmarks, or the old one where the network clearly failed. */
  refined(square, { camera, identity, expression }) {
    const points = imageFromModel(camera, this.landmarks(identity, expression));
    const better = squareAroundPoints(points, this.cut(uprightRoll(camera.rotation)));
    const step = better.side / square.side;
    const largest = this.settings.largest_step;
    return step > 1 / largest && step < largest ? better : square; // NaN keeps the old one
  }
}
