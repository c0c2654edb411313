// What every phone in a browser is made of: a mouth, an ear, keys as RFC 4733, and the relay.

/** How long a key sounds, and the pause after it, in milliseconds. */
export const KEY_MS = 100;
export const GAP_MS = 70;
/** So often it is looked whether anything is heard of the line yet, and for how long at most. */
const LOOK_MS = 20;
const SILENT_MS = 2000;

/** The program that speaks SIP; rejected where `make pages` has not been run. */
export const library = import("/lib/jssip.js").then(({ default: JsSIP }) => {
  JsSIP.debug.disable();
  return JsSIP;
});
library.catch(() => {});

/** To this console's relay. */
export function socket(JsSIP, path) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new JsSIP.WebSocketInterface(`${scheme}://${location.host}${path}`);
}

/** A microphone, on or off: off it is a track of silence, for without one a browser sends nothing. */
export class Mouth {
  #context = new AudioContext();
  #silence;
  #microphone = null;
  #lost;

  /** `lost` is called when the microphone is unplugged. */
  constructor(lost = () => {}) {
    const source = this.#context.createConstantSource();
    const gain = this.#context.createGain();
    const end = this.#context.createMediaStreamDestination();
    gain.gain.value = 0;
    source.connect(gain).connect(end);
    source.start();
    this.#silence = end.stream;
    this.#lost = lost;
  }

  /** What is to be sent now. */
  get stream() {
    return this.#microphone ?? this.#silence;
  }

  get open() {
    return this.#microphone !== null;
  }

  /** Ask for the microphone; rejected where the browser gives none. */
  async listen() {
    const wanted = { audio: { echoCancellation: true, noiseSuppression: true } };
    this.#microphone = await navigator.mediaDevices.getUserMedia(wanted);
    this.#microphone.getAudioTracks()[0].addEventListener("ended", this.#lost);
  }

  async speak(sender) {
    await this.listen();
    await sender.replaceTrack(this.#microphone.getAudioTracks()[0]);
  }

  async hush(sender) {
    await sender.replaceTrack(this.#silence.getAudioTracks()[0]);
    this.#stop();
  }

  close() {
    this.#stop();
    this.#context.close();
  }

  #stop() {
    this.#microphone?.getTracks().forEach((track) => track.stop());
    this.#microphone = null;
  }
}

/**
 * Keys wait for those before them: to add to what is being sent would send some of it twice. And for
 * the speech to have its way, which a call that was just answered has not: they would go nowhere.
 *
 * The browser is connected a moment before Asterisk is, which takes nothing until then and says
 * nothing either: so the first that is heard of it tells. One that stays silent is believed later.
 */
export class Keys {
  #waiting = "";
  #sounding = false;
  #connection;
  /** When a silent line is believed; 0 once it was heard. */
  #believed = null;
  #look = null;

  constructor(connection) {
    this.#connection = connection;
    connection.addEventListener("connectionstatechange", () => this.press(""));
  }

  press(keys) {
    this.#waiting += keys;
    if (this.#sounding || this.#waiting === "" || this.#connection.connectionState !== "connected") return;
    if (this.#isHeard()) this.#next();
    else this.#look ??= setTimeout(() => this.#again(), LOOK_MS);
  }

  #isHeard() {
    this.#believed ??= performance.now() + SILENT_MS;
    if (this.#connection.getReceivers()[0].getSynchronizationSources().length > 0) this.#believed = 0;
    return performance.now() >= this.#believed;
  }

  #again() {
    this.#look = null;
    this.press("");
  }

  #next() {
    const { dtmf } = this.#connection.getSenders()[0];
    const keys = this.#waiting;
    this.#waiting = "";
    this.#sounding = keys !== "" && dtmf.canInsertDTMF;
    if (!this.#sounding) return;
    dtmf.ontonechange = ({ tone }) => tone === "" && this.#next();
    dtmf.insertDTMF(keys, KEY_MS, GAP_MS);
  }
}

/** Let `ear` hear what comes in; tell when the speech has its way, and when it has lost it. */
export function hear(connection, ear, { connected, failed }) {
  if (!connection || connection.ontrack) return;
  connection.ontrack = ({ track }) => {
    ear.srcObject = new MediaStream([track]);
    ear.play();
  };
  connection.onconnectionstatechange = () => {
    if (connection.connectionState === "connected") connected();
    else if (connection.connectionState === "failed") failed();
  };
}

/** An address of documentation (RFC 5737): nobody is there. */
const NOWHERE = "192.0.2.1";

/**
 * Without a microphone's permission a browser hides its addresses: 0.0.0.0 would mean "hold", and
 * Asterisk would look up names in .local, slowly and for nothing. ICE finds out where we are.
 */
export function reachable({ originator, sdp }) {
  if (originator !== "local") return sdp;
  return sdp.replace(/[0-9a-f-]+\.local\b/g, NOWHERE).replaceAll("c=IN IP4 0.0.0.0", `c=IN IP4 ${NOWHERE}`);
}

/** The key of a telephone on a keyboard; by its place where an input method has it. */
export function keyOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return null;
  if (/^[0-9*#]$/.test(event.key)) return event.key;
  return event.key === "Process" ? (/^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1] ?? null) : null;
}
