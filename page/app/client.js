// The page's side of the worker: a picture goes in, its faces come out.

export class AlignClient {
  constructor() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    /** @type {Map<number, {resolve: Function, reject: Function, onLoading?: () => void}>} */
    this.waiting = new Map();
    this.next = 0;
    /** @type {Error | null} why there is no worker */
    this.broken = null;
    this.worker.onmessage = ({ data }) => this.settle(data);
    this.worker.onerror = (event) => this.fail(event.message || "the worker could not start");
  }

  /**
   * @param {import("./pixels.js").Picture} picture
   * @param {{method: string, passes?: number} | {method: string, time: number, isFirst: boolean}} options
   *     with a time (s): the next picture of a camera
   * @param {() => void} [onLoading]  the networks have to be loaded first
   * @returns {Promise<{faces: import("./aligner.js").Aligned[], milliseconds: number}>}
   */
  align(picture, options, onLoading) {
    if (this.broken) return Promise.reject(this.broken);
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, onLoading });
      this.worker.postMessage({ id, picture, options });
    });
  }

  settle({ id, error, isLoading, ...answer }) {
    const { resolve, reject, onLoading } = this.waiting.get(id);
    if (isLoading) {
      onLoading?.();
      return;
    }
    this.waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(answer);
  }

  /** For good: a worker that could not start does not answer later either. */
  fail(message) {
    this.broken = new Error(`The networks cannot run here: ${message}. Load the page again.`);
    for (const { reject } of this.waiting.values()) reject(this.broken);
    this.waiting.clear();
  }
}
