// Sounds of an outcome, made by the browser: nothing is loaded. Each differs in pitch and rhythm, so
// that a clerk knows it without looking.

let context = null;

/** To be called from a click or key press once: browsers are silent before. */
export function wake() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
}

function tone(frequency, from, seconds, kind) {
  const oscillator = new OscillatorNode(context, { type: kind, frequency });
  const volume = new GainNode(context, { gain: 0 });
  const start = context.currentTime + from;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.25, start + 0.01);
  volume.gain.setValueAtTime(0.25, start + seconds - 0.03);
  volume.gain.linearRampToValueAtTime(0, start + seconds);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + seconds);
}

const TONES = {
  // Two rising notes.
  succeeded: [[880, 0, 0.12, "sine"], [1320, 0.12, 0.3, "sine"]],
  // One long low note.
  declined: [[196, 0, 0.6, "square"]],
  // Three short notes of one pitch, as a telephone that waits.
  unknown: [[523, 0, 0.12, "triangle"], [523, 0.25, 0.12, "triangle"], [523, 0.5, 0.12, "triangle"]],
};

/** Plays the sound of `succeeded`, `declined` or `unknown`, where the browser lets us. */
export function play(outcome) {
  if (context?.state !== "running") return;
  for (const [frequency, from, seconds, kind] of TONES[outcome]) tone(frequency, from, seconds, kind);
}
