// The photographs that were aligned, each with a thumbnail.

import { thumbnail } from "./photos.js";

/**
 * @typedef {object} Entry  the photograph itself is read again when it is wanted: many would fill the memory
 * @property {File} file
 * @property {import("./face.js").Face[]} faces
 * @property {string} method  the network that found them
 * @property {number} milliseconds
 * @property {HTMLButtonElement} [button]
 */

export class Album {
  /** @param {HTMLElement} box @param {(entry: Entry) => void} choose  a thumbnail was pressed */
  constructor(box, choose) {
    this.box = box;
    this.choose = choose;
    /** @type {Entry | null} the one on the stage */
    this.shown = null;
  }

  /** @param {Entry} entry @param {import("./photos.js").Photo} photo */
  add(entry, photo) {
    const button = document.createElement("button");
    const picture = document.createElement("img");
    button.type = "button";
    picture.src = thumbnail(photo);
    button.append(picture);
    button.addEventListener("click", () => this.choose(entry));
    entry.button = button;
    this.box.append(button);
  }

  /** @param {Entry | null} entry  the one that is shown now; null for the camera's picture */
  mark(entry) {
    this.shown?.button.setAttribute("aria-pressed", "false");
    this.shown = entry;
    if (!entry) return;
    entry.button.setAttribute("aria-pressed", "true");
    entry.button.firstElementChild.alt = `${entry.file.name}, ${found(entry.faces.length)}`;
  }
}

/** @param {number} count */
export function found(count) {
  return count === 0 ? "No face found" : count === 1 ? "1 face" : `${count} faces`;
}
