// The page: photographs and the camera in, faces on the stage, choices in the panel, files out.

import { Album, found } from "./album.js";
import { AlignClient } from "./client.js";
import { Face } from "./face.js";
import { fetchBytes, fetchJson } from "./files_of_page.js";
import { listenToGestures } from "./gestures.js";
import { Live } from "./live.js";
import { FaceModel } from "./model.js";
import { Panel } from "./panel.js";
import { readPhoto } from "./photos.js";
import { Stage } from "./stage.js";

/** What stands beside the networks' names, which are those of `--weights`. @type {Record<string, string>} */
const ABOUT = { default: "most accurate", fast: "quickest", open: "open data only" };

const byId = (id) => /** @type {any} */ (document.getElementById(id));

class App {
  constructor(stage, model, settings) {
    this.stage = stage;
    this.model = model;
    this.settings = settings;
    this.client = new AlignClient();
    this.panel = new Panel(stage, model, settings, (text, isError) => this.say(text, isError));
    this.album = new Album(byId("photos"), (entry) => this.reopen(entry));
    this.live = this.makeLive();
    /** @type {Promise<void>} photographs are aligned one after another */
    this.queue = Promise.resolve();
    byId("method").replaceChildren(...Object.keys(settings.regressors).map(networkOption));
    this.listen();
    this.say("Choose or drop photographs, use the camera, or try the example.");
  }

  makeLive() {
    return new Live(byId("camera"), byId("pace"), {
      method: () => this.method,
      align: (photo, method, moment) => this.align(photo, method, moment),
      show: (photo, faces, method, goesOn) => {
        this.album.mark(null);
        this.show(photo, faces, method, goesOn);
      },
      keep: (file) => this.open([file]),
      say: (text, isError) => this.say(text, isError),
    });
  }

  /** The network that is chosen. @returns {string} */
  get method() {
    return byId("method").value;
  }

  listen() {
    byId("files").addEventListener("change", (event) => {
      this.open(event.target.files);
      event.target.value = ""; // the same file may be chosen again
    });
    byId("example").addEventListener("click", () => this.openExample());
    byId("method").addEventListener("change", () => this.alignAgain());
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
    this.live.stop();
    for (const file of Array.from(files)) this.enqueue(() => this.openOne(file));
    return this.queue;
  }

  openExample() {
    this.live.stop();
    this.enqueue(async () => {
      const { example } = this.settings;
      await this.openOne(new File([await fetchBytes(example)], example, { type: "image/jpeg" }));
    });
  }

  /** Shows a photograph once more. @param {import("./album.js").Entry} entry */
  reopen(entry) {
    this.live.stop();
    this.enqueue(() => this.showEntry(entry));
  }

  /** Another network was chosen. The camera's next picture asks for it by itself. */
  alignAgain() {
    const { shown } = this.album;
    if (shown) this.enqueue(() => this.showEntry(shown));
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
    this.say(`Reading ${file.name} …`);
    const photo = await readPhoto(file);
    const entry = { file, ...(await this.alignNamed(photo)) };
    this.album.add(entry, photo);
    this.finish(entry, photo);
  }

  /** Shows a photograph of the album, aligned by the network that is chosen. @param {import("./album.js").Entry} entry */
  async showEntry(entry) {
    const photo = await readPhoto(entry.file);
    if (entry.method !== this.method) Object.assign(entry, await this.alignNamed(photo));
    this.finish(entry, photo);
  }

  /** @param {import("./album.js").Entry} entry */
  finish(entry, photo) {
    this.album.mark(entry);
    this.show(photo, entry.faces, entry.method);
    const { width, height } = photo.picture;
    const time = `network ${entry.method}, ${Math.round(entry.milliseconds)} ms`;
    this.say(`${found(entry.faces.length)} in ${entry.file.name} (${width} x ${height} px), ${time}`);
  }

  async alignNamed(photo) {
    const { method } = this;
    this.say(`Aligning ${photo.name} …`);
    return { method, ...(await this.align(photo, method)) };
  }

  /** @param {string} method @param {{time?: number, isFirst?: boolean}} [moment]  of a camera's picture */
  async align(photo, method, moment = {}) {
    const isLoading = () => this.say(`Loading the network ${method} …`);
    const { faces, milliseconds } = await this.client.align(photo.picture, { method, ...moment }, isLoading);
    const { landmarks, gaze } = this.settings;
    return { faces: faces.map((aligned) => new Face(aligned, this.model, landmarks, gaze)), milliseconds };
  }

  /** @param {boolean} [goesOn]  the next picture of a film: what is chosen, the zoom and the turns stay */
  show(photo, faces, method, goesOn = false) {
    byId("invitation").hidden = true;
    byId("stage-box").style.setProperty("--shape", String(photo.canvas.height / photo.canvas.width));
    this.stage.show(photo.canvas, faces, goesOn);
    this.panel.show(photo, faces, method, goesOn);
  }

  say(text, isError = false) {
    const status = byId("status");
    status.textContent = text;
    status.classList.toggle("error", isError);
  }
}

function networkOption(name) {
  const option = document.createElement("option");
  option.value = name;
  option.textContent = name in ABOUT ? `${name}: ${ABOUT[name]}` : name;
  return option;
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
