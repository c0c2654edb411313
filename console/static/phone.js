// The browser phone: SIP through the console's relay, speech straight to Asterisk, keys as RFC 4733.

import { clock, Course, ENDED, follow, Transcript } from "/static/said.js";
import { GAP_MS, hear, KEY_MS, keyOf, Keys, library, Mouth, reachable, socket } from "/static/voice.js";

const SOUND_SECONDS = 15;
/** Codes by which the relay hangs up (console/telephone.py). */
const FULL = 4001;
const NO_LINE = 4002;

const at = (id) => document.getElementById(id);
const room = document.querySelector(".phone");
const transcript = room && new Transcript(at("said"));
let call = null;

class Call {
  #ua;
  #session = null;
  #mouth = new Mouth();
  #ear = new Audio();
  #watching = new AbortController();
  #course = new Course();
  #began = null;
  #over = false;
  #keys = null;
  #ticking;
  #waiting;

  constructor(JsSIP) {
    this.#ua = new JsSIP.UA({
      sockets: [socket(JsSIP, "/phone/ws")],
      uri: "sip:browser@hotline.invalid",
      register: false,
    });
    this.#ua.on("connected", () => this.#session ?? this.#dial());
    this.#ua.on("disconnected", ({ code }) => this.#session ?? this.end(unconnected(code)));
  }

  begin() {
    tell("正在接通…", "warn");
    this.#waiting = setTimeout(() => this.#soundless(), SOUND_SECONDS * 1000);
    this.#ua.start();
  }

  #dial() {
    const token = newToken();
    follow(token, (told) => this.#hear(told), this.#watching.signal);
    this.#session = this.#ua.call("sip:12329@hotline.invalid", {
      mediaStream: this.#mouth.stream,
      pcConfig: { iceServers: [] },
      extraHeaders: [`X-Screen: ${token}`],
      eventHandlers: {
        sdp: (described) => (described.sdp = reachable(described)),
        peerconnection: ({ peerconnection }) => this.#listen(peerconnection),
        accepted: () => this.#up(),
        failed: (why) => this.end(failure(why)),
        ended: ({ originator }) => this.end(originator === "local" ? "您挂断了" : "热线挂断了"),
      },
    });
    this.#listen(this.#session.connection);
  }

  #listen(connection) {
    hear(connection, this.#ear, {
      connected: () => clearTimeout(this.#waiting),
      failed: () => this.#soundless(),
    });
  }

  #up() {
    this.#began = performance.now();
    this.#ticking = setInterval(() => (at("clock").textContent = clock(this.#lasted())), 250);
    at("clock").textContent = clock(0);
    at("clock").hidden = false;
    at("microphone").hidden = !window.isSecureContext;
    allow(true);
    tell("通话中");
  }

  #soundless() {
    this.end(`声音接不通：浏览器到 Asterisk 的 UDP 端口 ${room.dataset.ports} 不通，或者这台机器没有接网络（只有回环地址）`, "bad");
    if (this.#session?.isEnded() === false) this.#session.terminate();
  }

  #lasted() {
    return this.#began === null ? 0 : performance.now() - this.#began;
  }

  #hear(told) {
    this.#course.take(told);
    if (told.kind === "says") transcript.says(told.id, told.said);
    if (told.kind === "stops") transcript.stops(told.id);
    if (told.kind === "records") transcript.aside("嘀声后请讲话，讲完按 #。" + (this.#mouth.open ? "" : "（麦克风没有打开）"));
    if (told.kind === "ended") this.end(ENDED[told.disposition] ?? "通话结束");
  }

  press(keys) {
    at("pressed").textContent += keys;
    this.#keys ??= new Keys(this.#session.connection);
    this.#keys.press(keys);
  }

  async toggleMicrophone() {
    try {
      await (this.#mouth.open ? this.#mouth.hush(this.#sender) : this.#mouth.speak(this.#sender));
    } catch (refused) {
      tell("通话中（浏览器没有给麦克风）", "warn");
    }
    showMicrophone(this.#mouth.open);
  }

  get #sender() {
    return this.#session.connection.getSenders()[0];
  }

  hangUp() {
    if (this.#session?.isEnded() === false) this.#session.terminate();
    this.end("您挂断了");
  }

  /** The first reason counts; the stream may yet tell the end of the course. */
  end(why, kind = "off") {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#ticking);
    clearTimeout(this.#waiting);
    this.#mouth.close();
    transcript.finish();
    setTimeout(() => {
      this.#ua.stop();
      this.#watching.abort();
      if (this.#began !== null) showCourse(this.#course.rows);
    }, 500);
    over(why, this.#began === null ? "" : `，${clock(this.#lasted())}`, kind);
  }
}

function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unconnected(code) {
  if (code === FULL) return full();
  if (code === NO_LINE) return "打不通：Asterisk 没有运行";
  return "打不通：控制台没有回答";
}

function full() {
  return `网页电话正忙：同时最多 ${room.dataset.most} 路，请稍后再拨`;
}

function failure({ originator, cause, message }) {
  if (originator === "local" && cause === "Canceled") return "您挂断了";
  if (message?.status_code === 503) return full();
  return `打不通（${message?.status_code ?? cause}）`;
}

// --- the page ---

function tell(words, kind = "") {
  at("state").textContent = words;
  at("state").className = `state ${kind}`;
}

function allow(yes) {
  for (const button of room.querySelectorAll("[data-key], [data-keys]")) button.disabled = !yes;
}

function showMicrophone(open) {
  at("microphone").textContent = open ? "关上麦克风" : "打开麦克风";
  at("microphone").setAttribute("aria-pressed", open);
}

function over(why, lasted, kind) {
  call = null;
  allow(false);
  tell(`${why}${lasted}`, kind === "off" && lasted === "" ? "bad" : kind);
  at("call").textContent = "再拨 12329";
  at("call").className = "first";
  at("microphone").hidden = true;
  at("clock").hidden = true;
  at("pressed").textContent = "";
  showMicrophone(false);
  at("summary").textContent = `${why}${lasted}。`;
}

function showCourse(rows) {
  at("steps").replaceChildren(...rows.map(step));
  at("course").hidden = false;
}

function step({ at: ms, line, caller }) {
  const row = document.createElement("tr");
  for (const [n, text] of [clock(ms), line, caller].entries()) {
    const cell = document.createElement("td");
    cell.textContent = text;
    if (n === 0) cell.className = "number";
    row.append(cell);
  }
  return row;
}

async function dial() {
  at("course").hidden = true;
  at("nothing").hidden = true;
  at("pressed").textContent = "";
  transcript.clear();
  try {
    call = new Call(await library);
    at("call").textContent = "挂断";
    at("call").className = "bad";
    call.begin();
  } catch (missing) {
    tell("网页电话的程序没有装上：在服务器上运行 make pages，再重新启动", "bad");
  }
}

function flash(key) {
  const button = room.querySelector(`[data-key="${CSS.escape(key)}"]`);
  button.classList.add("down");
  setTimeout(() => button.classList.remove("down"), 150);
}

function press(keys) {
  if (call === null || at("call").disabled || room.querySelector("[data-key]").disabled) return;
  call.press(keys);
  [...keys].forEach((key, n) => setTimeout(() => flash(key), n * (KEY_MS + GAP_MS)));
}

if (room) {
  at("insecure").hidden = window.isSecureContext;
  at("call").addEventListener("click", () => (call === null ? dial() : call.hangUp()));
  at("microphone").addEventListener("click", () => call?.toggleMicrophone());
  room.addEventListener("click", ({ target }) => {
    const { key, keys } = target.closest?.("[data-key], [data-keys]")?.dataset ?? {};
    if (key ?? keys) press(key ?? keys);
  });
  document.addEventListener("keydown", (event) => {
    const key = keyOf(event);
    if (key !== null && !event.target.matches("input, textarea, select")) press(key);
  });
  addEventListener("pagehide", () => call?.hangUp());
}
