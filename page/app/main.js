// The page: photographs and the camera in, faces on the stage, choices in the panel, files out.

import { AlignClient } from "./client.js";
import { Face } from "./face.js";
import { fetchBytes, fetchJson } from "./files_of_page.js";
import { listenToGestures } from "./gestures.js";
import { FaceModel } from "./model.js";
import { Panel } from "./panel.js";
import { Camera, readPhoto, thumbnail } from "./photos.js";
import { Stage } from "./stage.js";

const USE_CAMERA = "Use the camera";

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
    this.listenToDrops();
  }

  /** Anywhere in the window: beside the page a browser would open the file in its place. */
  listenToDrops() {
    const over = (event) => {
      event.preventDefault();
      byId("stage-box").classList.toggle("over", event.type === "dragover");
    };
    window.addEventListener("dragover", over);
    window.addEventListener("dragleave", over);
    window.addEventListener("drop", (event) => {
      over(event);
      this.open(event.dataTransfer.files);
    });
  }

  /** @param {Iterable<File>} files */
  open(files) {
    this.stopCamera();
    for (const file of Array.from(files)) this.enqueue(() => this.openOne(file));
    return this.queue;
  }

  /** @param {() => Promise<void>} work  after all that waits already; what goes wrong in it is said */
  enqueue(work) {
    this.queue = this.queue.then(async () => {
      byId("stage").classList.add("busy");
      try {
        await work();
      } catch (error) {
        this.say(error.message, true);
      } finally {
        byId("stage").classList.remove("busy");
      }
    });
  }

  async openOne(file) {
    this.say(`Aligning ${file.name} …`);
    const photo = await readPhoto(file);
    const { faces, milliseconds } = await this.align(photo);
    this.addThumbnail(file, photo, faces);
    this.show(photo, faces);
    const { width, height } = photo.picture;
    this.say(`${found(faces.length)} in ${file.name} (${width} x ${height} px), ${Math.round(milliseconds)} ms`);
  }

  /** @param {{time?: number, isFirst?: boolean}} [moment]  of a camera's picture */
  async align(photo, moment = {}) {
    const method = byId("method").value;
    const { faces, milliseconds } = await this.client.align(photo.picture, { method, ...moment });
    const { landmarks, gaze } = this.settings;
    return { faces: faces.map((aligned) => new Face(aligned, this.model, landmarks, gaze)), milliseconds };
  }

  /** @param {boolean} [goesOn]  the next picture of a film: what is chosen, the zoom and the turns stay */
  show(photo, faces, goesOn = false) {
    byId("invitation").hidden = true;
    this.stage.show(photo.canvas, faces, goesOn);
    this.panel.show(photo, faces, goesOn);
  }

  /** The photograph itself is read again when it is wanted: many would fill the memory. */
  addThumbnail(file, photo, faces) {
    const button = document.createElement("button");
    const picture = document.createElement("img");
    button.type = "button";
    picture.src = thumbnail(photo);
    picture.alt = `${photo.name}, ${found(faces.length)}`;
    button.append(picture);
    button.addEventListener("click", () => {
      this.stopCamera();
      this.enqueue(async () => {
        this.show(await readPhoto(file), faces);
        this.say(`${found(faces.length)} in ${file.name}`);
      });
    });
    byId("photos").append(button);
  }

  stopCamera() {
    this.camera.stop();
    byId("camera").textContent = USE_CAMERA;
  }

  async toggleCamera() {
    if (byId("camera").textContent !== USE_CAMERA) {
      this.stopCamera();
      return;
    }
    try {
      this.say("Starting the camera …");
      byId("camera").textContent = "Cancel the camera";
      if (!(await this.camera.start())) return;
      byId("camera").textContent = "Stop and keep this picture";
      await this.follow(this.camera.session);
    } catch (error) {
      this.stopCamera();
      this.say(error.message, true);
    }
  }

  /**
   * Aligns the camera's picture of the moment, again and again; faces are followed from one to the next.
   * @param {number} session  of the camera
   */
  async follow(session) {
    for (let said = -1; this.camera.session === session; ) {
      const photo = this.camera.take();
      const isFirst = said < 0;
      const { faces, milliseconds } = await this.align(photo, { time: performance.now() / 1000, isFirst });
      if (this.camera.session !== session) return; // the last picture stays
      this.show(photo, faces, !isFirst);
      if (faces.length !== said) this.say(`${found(faces.length)}, ${Math.round(milliseconds)} ms a picture`);
      said = faces.length;
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
