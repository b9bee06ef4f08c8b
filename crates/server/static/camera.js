// Reads codes with the camera: by the browser's own detector where there is one, else frame by
// frame by the server (there is none on iOS, nor on every desktop).

const WIDTH_MAX = 960;
const PAUSE_MS = 250;

export class Camera {
  #video;
  #stream = null;
  #start = 0;
  #read;

  /** `readFrame(luma, width, height)` answers with the texts that the server found. */
  constructor(video, readFrame) {
    this.#video = video;
    this.#read = readFrame;
  }

  /** Looks until `found(text)` answers true or `stop` is called. Throws where the camera may not be used. */
  async start(found) {
    this.#start += 1;
    const start = this.#start;
    const wanted = { facingMode: "environment", width: { ideal: 1280 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    if (start !== this.#start) {
      // Stopped while the member was asked.
      letGo(stream);
      return;
    }
    this.#stream = stream;
    this.#video.srcObject = stream;
    await this.#video.play();
    const detect = (await ownDetector()) ?? ((video) => this.#byServer(video));
    while (this.#stream === stream) {
      for (const text of await detect(this.#video)) {
        if (this.#stream === stream && (await found(text))) {
          this.stop();
          return;
        }
      }
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  }

  /** Lets go of the camera. */
  stop() {
    this.#start += 1;
    if (this.#stream) letGo(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
  }

  async #byServer(video) {
    const scale = Math.min(1, WIDTH_MAX / video.videoWidth);
    const width = Math.floor(video.videoWidth * scale);
    const height = Math.floor(video.videoHeight * scale);
    if (!width || !height) return [];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const luma = new Uint8Array(width * height);
    for (let place = 0; place < luma.length; place += 1) {
      const at = place * 4;
      luma[place] = (data[at] * 77 + data[at + 1] * 150 + data[at + 2] * 29) >> 8;
    }
    try {
      return await this.#read(luma, width, height);
    } catch {
      // A frame that got lost: the next one follows.
      return [];
    }
  }
}

const letGo = (stream) => stream.getTracks().forEach((track) => track.stop());

async function ownDetector() {
  if (!("BarcodeDetector" in globalThis)) return null;
  const formats = await BarcodeDetector.getSupportedFormats();
  const ours = ["qr_code", "code_128"].filter((format) => formats.includes(format));
  if (ours.length === 0) return null;
  const detector = new BarcodeDetector({ formats: ours });
  return async (video) => (await detector.detect(video)).map((code) => code.rawValue);
}
