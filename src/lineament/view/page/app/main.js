// The page: photographs and the camera in, faces on the stage, choices in the panel, files out.

import { AlignClient } from "./client.js";
import { Face } from "./face.js";
import { fetchBytes, fetchJson } from "./files_of_page.js";
import { listenToGestures } from "./gestures.js";
import { FaceModel } from "./model.js";
import { Panel } from "./panel.js";
import { Camera, readPhoto, thumbnail } from "./photos.js";
import { Stage } from "./stage.js";

const byId = (id) => /** @type {any} */ (document.getElementById(id));

class App {
  constructor(stage, model, settings) {
    this.stage = stage;
    this.model = model;
    this.settings = settings;
    this.client = new AlignClient();
    this.camera = new Camera();
    this.panel = new Panel(stage, model, settings);
    /** @type {Promise<void>} photographs are aligned one after another */
    this.queue = Promise.resolve();
    this.listen();
    this.say("Choose or drop photographs, or use the camera.");
  }

  listen() {
    byId("files").addEventListener("change", (event) => {
      this.open(event.target.files);
      event.target.value = ""; // the same file may be chosen again
    });
    byId("camera").addEventListener("click", () => this.toggleCamera());
    listenToGestures(byId("stage"), this.stage, (face) => this.panel.choose(face));
    this.listenToDrops(byId("stage-box"));
  }

  listenToDrops(box) {
    const over = (event) => {
      event.preventDefault();
      box.classList.toggle("over", event.type === "dragover");
    };
    for (const target of [document.body]) {
      target.addEventListener("dragover", over);
      target.addEventListener("dragleave", over);
      target.addEventListener("drop", (event) => {
        over(event);
        this.open(event.dataTransfer.files);
      });
    }
  }

  /** @param {Iterable<File>} files */
  open(files) {
    this.camera.stop();
    byId("camera").textContent = "Use the camera";
    for (const file of Array.from(files)) this.queue = this.queue.then(() => this.openOne(file));
    return this.queue;
  }

  async openOne(file) {
    byId("stage").classList.add("busy");
    this.say(`Aligning ${file.name} …`);
    try {
      const photo = await readPhoto(file);
      const { faces, milliseconds } = await this.align(photo);
      this.addThumbnail(photo, faces);
      this.show(photo, faces);
      this.say(`${found(faces.length)} in ${file.name} (${photo.picture.width} x ${photo.picture.height} px), ${Math.round(milliseconds)} ms`);
    } catch (error) {
      this.say(error.message, true);
    } finally {
      byId("stage").classList.remove("busy");
    }
  }

  /** @param {{time?: number, isFirst?: boolean}} [moment]  of a camera's picture */
  async align(photo, moment = {}) {
    const method = byId("method").value;
    const { faces, milliseconds } = await this.client.align(photo.picture, { method, ...moment });
    const scheme = this.settings.regressors[method].scheme;
    return { faces: faces.map((aligned) => new Face(aligned, this.model, scheme)), milliseconds };
  }

  show(photo, faces) {
    byId("invitation").hidden = true;
    this.stage.show(photo.canvas, faces);
    this.panel.show(photo, faces);
  }

  addThumbnail(photo, faces) {
    const button = document.createElement("button");
    const picture = document.createElement("img");
    button.type = "button";
    picture.src = thumbnail(photo);
    picture.alt = `${photo.name}, ${found(faces.length)}`;
    button.append(picture);
    button.addEventListener("click", () => {
      this.show(photo, faces);
      this.say(`${found(faces.length)} in ${photo.name}`);
    });
    byId("photos").append(button);
  }

  async toggleCamera() {
    if (this.camera.running) {
      this.camera.stop();
      byId("camera").textContent = "Use the camera";
      return;
    }
    try {
      this.say("Starting the camera …");
      await this.camera.start();
      byId("camera").textContent = "Stop and keep this picture";
      await this.follow();
    } catch (error) {
      this.camera.stop();
      byId("camera").textContent = "Use the camera";
      this.say(error.message, true);
    }
  }

  /** Aligns the camera's picture of the moment, again and again; faces are followed from one to the next. */
  async follow() {
    for (let isFirst = true; this.camera.running; isFirst = false) {
      const photo = this.camera.take();
      const { faces, milliseconds } = await this.align(photo, { time: performance.now() / 1000, isFirst });
      if (!this.camera.running && this.panel.faces.length) return; // keep the last picture shown
      this.show(photo, faces);
      this.say(`${found(faces.length)}, ${Math.round(milliseconds)} ms a picture`);
    }
  }

  say(text, isError = false) {
    const status = byId("status");
    status.textContent = text;
    status.classList.toggle("error", isError);
  }
}

function found(count) {
  return count === 0 ? "No face found" : count === 1 ? "1 face" : `${count} faces`;
}

async function start() {
  try {
    const stage = new Stage(byId("stage"));
    const [settings, model] = await Promise.all([fetchJson("settings.json"), fetchBytes("model/lfm.bin")]);
    Object.assign(window, { lineament: new App(stage, new FaceModel(model.buffer), settings) });
  } catch (error) {
    byId("status").textContent = error.message;
    byId("status").classList.add("error");
  }
}

start();
