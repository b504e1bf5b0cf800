// The camera before which faces are followed: what it is doing is always said, and its last picture can be kept.

import { found } from "./album.js";
import { Camera } from "./camera.js";

const EVERY_MS = 500; // how often the pace is said

/** @typedef {"off" | "starting" | "running"} State */

/** @type {Record<State, string>} */
const BUTTON = { off: "Use the camera", starting: "Cancel the camera", running: "Stop and keep picture" };

/**
 * @typedef {object} Around  what the page does with pictures
 * @property {() => string} method  the network that is chosen
 * @property {(photo: import("./photos.js").Photo, method: string, moment: {time: number, isFirst: boolean}) =>
 *     Promise<{faces: import("./face.js").Face[], milliseconds: number}>} align
 * @property {(photo: import("./photos.js").Photo, faces: import("./face.js").Face[], method: string, goesOn: boolean) => void} show
 * @property {(file: File) => void} keep
 * @property {(text: string, isError?: boolean) => void} say
 */

export class Live {
  /** @param {HTMLButtonElement} button @param {HTMLElement} pace @param {Around} around */
  constructor(button, pace, around) {
    this.button = button;
    this.pace = pace;
    this.around = around;
    this.kept = 0;
    /** @type {import("./photos.js").Photo | null} the picture on the stage */
    this.photo = null;
    this.camera = new Camera((why) => this.fail(why));
    this.enter("off");
    button.addEventListener("click", () => this.press());
  }

  /** @param {State} state */
  enter(state) {
    this.state = state;
    this.button.textContent = BUTTON[state];
    this.button.classList.toggle("live", state === "running");
    if (state !== "running") this.pace.textContent = "";
  }

  press() {
    if (this.state === "running") return this.keep();
    if (this.state === "off") return this.start();
    this.stop();
    this.around.say("The camera is off.");
    return undefined;
  }

  stop() {
    this.camera.stop();
    this.enter("off");
    this.photo = null;
  }

  fail(why) {
    this.stop();
    this.around.say(why, true);
  }

  /** The picture that is shown becomes a photograph like the others. */
  async keep() {
    const { canvas } = this.photo;
    this.stop();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!blob) return this.fail("The camera's picture could not be kept: the browser has no memory left.");
    this.kept += 1;
    return this.around.keep(new File([blob], `camera-${this.kept}.png`, { type: "image/png" }));
  }

  async start() {
    this.enter("starting");
    this.around.say("Waiting for the camera: the browser may ask whether this page may use it …");
    try {
      if (await this.camera.start()) await this.follow(this.camera.session);
    } catch (error) {
      this.fail(error.message);
    }
  }

  /**
   * Aligns the camera's picture of the moment, again and again; faces are followed from one to the next.
   * @param {number} session  of the camera
   */
  async follow(session) {
    const isOver = () => this.camera.session !== session;
    const pace = new Pace();
    let [said, method] = [-1, ""]; // how many faces were said, and by which network they were found
    this.around.say("The camera runs; its first picture is being aligned …");
    while (!isOver()) {
      await this.camera.next();
      if (isOver()) return;
      if (this.camera.isMute) {
        this.around.say("The camera runs but sends no pictures. Is it covered, or used by another program?", true);
        said = -1;
        continue;
      }
      const photo = this.camera.take();
      const [now, time] = [this.around.method(), performance.now() / 1000];
      const { faces, milliseconds } = await this.around.align(photo, now, { time, isFirst: now !== method });
      if (isOver()) return; // the last picture stays
      this.around.show(photo, faces, now, this.photo !== null);
      this.photo = photo;
      if (this.state !== "running") this.enter("running");
      if (faces.length !== said || now !== method) this.around.say(followed(faces.length));
      [said, method] = [faces.length, now];
      this.pace.textContent = pace.after(milliseconds) ?? this.pace.textContent;
    }
  }
}

function followed(count) {
  return count === 0 ? "No face before the camera: look into it, and turn on a light." : `${found(count)} followed`;
}

/** How many pictures a second are aligned, and how long each takes. */
class Pace {
  constructor() {
    this.since = 0;
    /** @type {number[] | null} none before the first picture, for which networks were loaded */
    this.times = null;
  }

  /** @param {number} milliseconds  of one more picture @returns {string | null} null while there is nothing new to say */
  after(milliseconds) {
    if (!this.times) {
      this.since = performance.now();
      this.times = [];
      return null;
    }
    this.times.push(milliseconds);
    const elapsed = performance.now() - this.since;
    if (elapsed < EVERY_MS) return null;
    const each = this.times.reduce((sum, time) => sum + time, 0) / this.times.length;
    const aSecond = (1000 * this.times.length) / elapsed;
    const text = `${aSecond.toFixed(aSecond < 5 ? 1 : 0)} pictures a second, ${each.toFixed(0)} ms each`;
    this.since = performance.now();
    this.times = [];
    return text;
  }
}
