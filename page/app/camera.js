// The camera: its pictures one by one, and in words what is wrong with it.

import { takePicture } from "./photos.js";

const LONGEST_WAIT_MS = 1000;

export class Camera {
  /** @param {(text: string) => void} onEnd  it was taken away: why */
  constructor(onEnd) {
    this.video = document.createElement("video");
    this.video.playsInline = true;
    this.video.muted = true;
    this.running = false;
    this.session = 0; // one more at each start and stop: who waited for permission sees that it is over
    this.onEnd = onEnd;
  }

  /** Whether the camera runs now; not when it was stopped before it could. @returns {Promise<boolean>} */
  async start() {
    const session = ++this.session;
    if (!navigator.mediaDevices) throw new Error("This browser gives no camera to pages that are not served safely.");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 640 }, audio: false });
    } catch (error) {
      if (session !== this.session) return false;
      throw new Error(cameraProblem(error.name));
    }
    if (session !== this.session) {
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    this.video.srcObject = stream;
    for (const track of stream.getTracks()) {
      track.addEventListener("ended", () => session === this.session && this.onEnd("The camera was taken away."));
    }
    try {
      await this.video.play();
    } catch (error) {
      if (session === this.session) throw new Error(cameraProblem(error.name));
    }
    if (session === this.session) this.running = true;
    return session === this.session;
  }

  /** Waits for a picture that was not there before. @returns {Promise<void>} */
  next() {
    if (!this.video.requestVideoFrameCallback) return Promise.resolve();
    return new Promise((resolve) => {
      setTimeout(resolve, LONGEST_WAIT_MS);
      this.video.requestVideoFrameCallback(() => resolve());
    });
  }

  /** Whether it sends nothing, as when it is covered by its shutter or another program took it. */
  get isMute() {
    return this.video.srcObject?.getVideoTracks()[0]?.muted ?? false;
  }

  /** The picture of this moment. */
  take() {
    return takePicture(this.video, this.video.videoWidth, this.video.videoHeight, "camera.png");
  }

  stop() {
    this.session += 1;
    this.running = false;
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }
}

function cameraProblem(name) {
  if (name === "NotAllowedError") return "The camera was not allowed. Allow it in the browser's settings for this page.";
  if (name === "NotFoundError") return "No camera was found on this machine.";
  if (name === "NotReadableError") return "The camera is used by another program.";
  return `The camera cannot be used (${name}).`;
}
