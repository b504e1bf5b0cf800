// The whole flow: photo -> faces found -> crops -> network -> coefficients and camera of each face.

import { Detector } from "./detect.js";
import { Follower } from "./follower.js";
import { detectorRun, openNetwork, regressorRun } from "./networks.js";
import { Regressor } from "./regressor.js";

/**
 * @typedef {object} Aligned  one face
 * @property {import("./geometry.js").Camera} camera
 * @property {Float32Array} identity
 * @property {Float32Array} expression
 * @property {number | null} uncertainty  mm
 * @property {import("./crop.js").CropBox} cropBox
 * @property {import("./detect.js").Candidate} detection
 */

export class Aligner {
  /**
   * @param {any} ort  the module onnxruntime-web
   * @param {import("./model.js").FaceModel} model
   * @param {any} settings  of settings.json
   * @param {(file: string) => Promise<Uint8Array>} load  bytes of a file of the page's folder
   */
  constructor(ort, model, settings, load) {
    this.ort = ort;
    this.model = model;
    this.settings = settings;
    this.load = load;
    /** @type {any} the detector's network, shared by the methods */
    this.finder = null;
    /** @type {Record<string, Detector>} */
    this.detectors = {};
    /** @type {Record<string, Regressor>} */
    this.regressors = {};
    /** @type {Follower | null} of the camera that runs */
    this.follower = null;
  }

  /** Opens the networks a pass needs, once. @param {string} method  a name in settings.regressors */
  async open(method) {
    if (this.regressors[method]) return;
    const { detector, regressors } = this.settings;
    const own = regressors[method];
    this.finder ??= await openNetwork(this.ort, await this.load(detector.file));
    const run = detectorRun(this.ort, this.finder, detector.strides);
    this.detectors[method] = new Detector(run, { ...detector, ...own.detector });
    const session = await openNetwork(this.ort, await this.load(own.file));
    this.regressors[method] = new Regressor(regressorRun(this.ort, session), this.model, own);
  }

  /**
   * The faces of a photo, best first.
   * @param {import("./pixels.js").Picture} picture
   * @param {{method?: string, passes?: number}} [options]
   * @returns {Promise<Aligned[]>}
   */
  async align(picture, { method = "default", passes = 2 } = {}) {
    await this.open(method);
    const faces = await this.detectors[method].detect(picture);
    return this.regressors[method].alignFound(picture, faces, passes);
  }

  /**
   * The faces of a camera's next picture: followed, so that the detector need not run on each.
   * @param {import("./pixels.js").Picture} picture
   * @param {{method?: string, time: number, isFirst: boolean}} options  time in s
   * @returns {Promise<Aligned[]>}
   */
  async follow(picture, { method = "default", time, isFirst }) {
    await this.open(method);
    const [detector, regressor] = [this.detectors[method], this.regressors[method]];
    if (isFirst || this.follower?.regressor !== regressor) {
      this.follower = new Follower(detector, regressor, this.settings.tracking);
    }
    return this.follower.step(picture, time);
  }
}
