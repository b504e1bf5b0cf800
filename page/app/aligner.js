// The whole flow: photo -> faces found -> crops -> networks -> coefficients and camera of each face.

import { CloseUps } from "./close_ups.js";
import { Detector } from "./detect.js";
import { Occlusion } from "./face_mask.js";
import { Follower } from "./follower.js";
import { cropRun, detectorRun, openNetwork } from "./networks.js";
import { Regressor } from "./regressor.js";

/**
 * @typedef {object} Aligned  one face
 * @property {import("./geometry.js").Camera} camera
 * @property {Float32Array} identity
 * @property {Float32Array} expression
 * @property {number | null} uncertainty  mm
 * @property {import("./face_mask.js").FaceMask | null} [shown]  what is in front of the face
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
    /** @type {Record<string, any>} networks of detectors by their files, shared by the methods */
    this.finders = {};
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
    const finder = (this.finders[own.detector.file] ??= await this.network(own.detector.file));
    this.detectors[method] = new Detector(detectorRun(this.ort, finder, detector.strides), { ...detector, ...own.detector });
    const run = await this.cropNetwork(own.file);
    const looks = { ...(await this.secondLook(own)), firstLook: await this.firstLook(own) };
    this.regressors[method] = new Regressor(run, this.model, own, looks);
  }

  /** The quicker network that says where a found face is; null where the own one does. @returns {Promise<Regressor | null>} */
  async firstLook({ first_look: first }) {
    return first ? new Regressor(await this.cropNetwork(first.file), this.model, first) : null;
  }

  /** What weights look at after the whole face: close-ups, and what is in front of it. */
  async secondLook({ close_ups: closer, occlusion }) {
    const second = { closeUps: null, occlusion: null };
    if (closer) {
      const runs = {};
      for (const [part, file] of Object.entries(closer.graphs)) runs[part] = await this.cropNetwork(file);
      const { buffer } = await this.load(closer.file);
      const isGaze = this.model.expressionNames.map((name) => name.startsWith(this.settings.gaze.keys));
      second.closeUps = new CloseUps(runs, buffer, isGaze, this.settings.close_ups);
    }
    if (occlusion) second.occlusion = new Occlusion(await this.cropNetwork(occlusion.file), occlusion);
    return second;
  }

  async network(file) {
    return openNetwork(this.ort, await this.load(file));
  }

  async cropNetwork(file) {
    return cropRun(this.ort, await this.network(file));
  }

  /**
   * The faces of a photo, best first.
   * @param {import("./pixels.js").Picture} picture
   * @param {{method?: string, passes?: number}} [options]
   * @returns {Promise<Aligned[]>}
   */
  async align(picture, { method = "default", passes = 2 } = {}) {
    await this.open(method);
    const detector = this.detectors[method];
    return this.regressors[method].alignFound(picture, await detector.detect(picture), passes, detector);
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
