// 坐席's phone in the browser: registered through the console's relay, rung, answered, and hung up.

import { clock } from "/static/said.js";
import { hear, keyOf, Keys, library, Mouth, reachable, socket } from "/static/voice.js";

/** Codes by which the relay hangs up (console/pages/desk_phone.py, console/telephone.py). */
const NO_LINE = 4002;
const FINAL = {
  4003: "没有坐席用您的名字，或者设置关了浏览器话机（console.phone.agents）",
  4004: "您在另一个页面上打开了话机，这里的就关了",
  4005: "您在另一个页面上正在通话：那一通结束以后，才能在这里打开",
  4006: "登录过期或者已经退出，话机关了：请重新登录，再打开话机",
};
const NO_MICROPHONE = {
  NotAllowedError: "浏览器没有给麦克风：点地址栏左边的图标，把麦克风设为允许，再按一次",
  NotFoundError: "没有找到麦克风：插上耳麦，再按一次",
  NotReadableError: "麦克风正被别的程序用着，或者驱动有毛病：关掉那个程序，再按一次",
};
/** A ring as telephones here have it: 450 Hz, one second in five. */
const [RING_HERTZ, RING_SECONDS, RING_PAUSE_MS] = [450, 1, 5000];
/** A call whose signalling is lost ends by itself so long after its speech. */
const RECONNECT_SECONDS = { connection_recovery_min_interval: 1, connection_recovery_max_interval: 5 };

const at = (name) => document.getElementById(`phone-${name}`);
const room = document.getElementById("phone");
const title = document.title;
/** By which the relay knows this page when it comes again. */
const page = crypto.randomUUID?.() ?? String(Math.random());
let phone = null;

class Ringer {
  #context = new AudioContext();
  #ringing;

  start() {
    this.#ring();
    this.#ringing = setInterval(() => this.#ring(), RING_PAUSE_MS);
  }

  stop() {
    clearInterval(this.#ringing);
  }

  close() {
    this.stop();
    this.#context.close();
  }

  #ring() {
    const tone = new OscillatorNode(this.#context, { frequency: RING_HERTZ });
    const loudness = new GainNode(this.#context, { gain: 0.2 });
    tone.connect(loudness).connect(this.#context.destination);
    tone.start();
    tone.stop(this.#context.currentTime + RING_SECONDS);
  }
}

/** The page as a telephone, from the button that turns it on to the one that turns it off. */
class Phone {
  #ua;
  #ringer = new Ringer();
  #call = null;

  constructor(JsSIP) {
    const name = room.dataset.name;
    this.#ua = new JsSIP.UA({
      ...RECONNECT_SECONDS,
      sockets: [socket(JsSIP, `/desk/phone/ws?page=${page}`)],
      uri: `sip:${name}@hotline.invalid`,
      authorization_user: name,
      password: "the relay knows it",
      register_expires: 300,
      user_agent: "12329",
    });
    this.#ua.on("registered", () => this.#registered());
    this.#ua.on("registrationFailed", ({ cause }) => warn(`话机登记不上（${cause}），来电振不到这里；正在再试。`));
    this.#ua.on("disconnected", ({ code }) => this.#disconnected(code));
    this.#ua.on("newRTCSession", (rung) => rung.originator === "remote" && this.#rung(rung));
  }

  get call() {
    return this.#call;
  }

  begin() {
    tell("正在登记…", "warn");
    show({ off: true });
    this.#ua.start();
  }

  /** Not in the midst of a call: the button is hidden then. */
  end(why = "") {
    phone = null;
    this.#ringer.close();
    this.#ua.stop();
    show({ on: true });
    tell("没有打开", "off");
    warn(why);
    document.title = title;
  }

  #registered() {
    warn("");
    if (this.#call) this.#call.foundAgain();
    else this.#idle();
  }

  #idle() {
    this.#call = null;
    document.title = title;
    tell("等来电");
    show({ off: true });
  }

  #disconnected(code) {
    if (code in FINAL && this.#call === null) this.end(FINAL[code]);
    else if (this.#call) warn("和控制台的连接断了：通话照旧，正在重新连接。控制台重新启动过的，请在另一个标签页重新登录。");
    else {
      tell("断了，正在重新连接", "bad");
      warn(code === NO_LINE ? "Asterisk 没有运行，来电振不到这里；正在再试。" : "和控制台的连接断了，来电振不到这里；正在再试。控制台重新启动过的，请重新登录。");
    }
  }

  #rung({ session, request }) {
    if (this.#call) return session.terminate({ status_code: 486 });
    this.#call = new Call(session, request, this.#ringer, (why) => {
      this.#idle();
      if (why) warn(why);
      if (!this.#ua.isConnected()) this.#disconnected();
    });
    return undefined;
  }
}

class Call {
  #session;
  #ringer;
  #over;
  #mouth = new Mouth(() => warn("麦克风断开了：对方听不到您。插好以后，关一次、开一次麦克风。"));
  #ear = new Audio();
  #keys = null;
  #began = null;
  #ticking;
  #connection = null;

  /** `over` is told, in words, why it ended; nothing where there is nothing to say. */
  constructor(session, request, ringer, over) {
    this.#session = session;
    this.#ringer = ringer;
    this.#over = over;
    session.on("sdp", (described) => (described.sdp = reachable(described)));
    session.on("peerconnection", ({ peerconnection }) => this.#listen(peerconnection));
    session.on("accepted", () => this.#up());
    session.on("ended", () => this.#end());
    session.on("failed", ({ originator, cause }) => this.#end(originator === "remote" ? "" : this.#whyNot(cause)));
    this.#ring(request.from.uri.user);
  }

  #ring(number) {
    const who = number === "12329" ? "号码未显示" : number;
    document.title = `【来电】${title}`;
    tell(`来电：${who}`, "warn");
    at("rung").textContent = `来电：${who}。按 F2 接听，按 F9 拒接。`;
    show({ answer: true, hang: "拒接" });
    if (document.activeElement === document.body || room.contains(document.activeElement)) at("answer").focus();
    this.#ringer.start();
  }

  async answer() {
    if (!this.#session.isInProgress() || at("answer").disabled) return;
    at("answer").disabled = true;
    this.#ringer.stop();
    try {
      await this.#mouth.listen();
    } catch (refused) {
      this.#refused = microphoneRefused(refused);
    }
    at("answer").disabled = false;
    if (this.#session.isEnded()) return this.#mouth.close();
    if (this.#refused) return this.#session.terminate({ status_code: 480 });
    return this.#session.answer({ mediaStream: this.#mouth.stream, pcConfig: { iceServers: [] } });
  }

  #refused = "";

  #whyNot(cause) {
    return this.#refused || (cause === "Rejected" || cause === "Canceled" ? "" : `没有接通（${cause}）`);
  }

  #listen(connection) {
    this.#connection = connection;
    hear(connection, this.#ear, { connected: () => {}, failed: () => this.#soundless() });
  }

  #up() {
    this.#ringer.stop();
    this.#began = performance.now();
    this.#ticking = setInterval(() => this.#count(), 250);
    this.#count();
    at("rung").textContent = "接通了。";
    document.title = `【通话】${title}`;
    tell("通话中");
    show({ microphone: true, hang: "挂断", pad: true });
    showMicrophone(true);
  }

  #count() {
    at("clock").textContent = clock(performance.now() - this.#began);
  }

  /** Asterisk has let go of the speech: the call is over there, or its network is gone. */
  #soundless() {
    const why = this.#began === null || performance.now() - this.#began < 20000
      ? `声音接不通：浏览器到 Asterisk 的 UDP 端口 ${room.dataset.ports} 不通`
      : "声音断了，通话结束";
    if (!this.#session.isEnded()) this.#session.terminate();
    this.#end(why);
  }

  /** After a break: Asterisk learns where this telephone is now, to tell it of the end. */
  foundAgain() {
    if (!this.#session.isEstablished()) return;
    this.#session.sendRequest("UPDATE", { extraHeaders: [`Contact: ${this.#session.contact}`] });
  }

  get talks() {
    return this.#session.isEstablished();
  }

  async toggleMicrophone() {
    if (!this.talks) return;
    try {
      await (this.#mouth.open ? this.#mouth.hush(this.#sender) : this.#mouth.speak(this.#sender));
      warn("");
    } catch (refused) {
      warn(microphoneRefused(refused));
    }
    showMicrophone(this.#mouth.open);
  }

  press(keys) {
    if (!this.talks) return;
    this.#keys ??= new Keys(this.#connection);
    this.#keys.press(keys);
    at("pressed").textContent += keys;
  }

  get #sender() {
    return this.#connection.getSenders()[0];
  }

  hangUp() {
    if (this.talks) this.#session.terminate();
    else if (!this.#session.isEnded()) this.#session.terminate({ status_code: 486 });
  }

  #end(why = "") {
    if (this.#over === null) return;
    const over = this.#over;
    this.#over = null;
    this.#ringer.stop();
    clearInterval(this.#ticking);
    this.#mouth.close();
    at("pressed").textContent = "";
    at("rung").textContent = this.#began === null ? "振铃停了。" : "通话结束。";
    over(why);
  }
}

function microphoneRefused({ name }) {
  return NO_MICROPHONE[name] ?? `麦克风打不开（${name}）：看看耳麦和浏览器的设置，再按一次`;
}

// --- the page ---

function tell(words, kind = "") {
  at("state").textContent = words;
  at("state").className = `state ${kind}`;
}

function warn(words) {
  at("told").textContent = words;
  at("told").hidden = words === "";
}

/** Only the buttons that do something now; the pad's keys with them. */
function show({ on = false, off = false, answer = false, microphone = false, hang = "", pad = false }) {
  const had = document.activeElement;
  at("on").hidden = !on;
  at("off").hidden = !off;
  at("answer").hidden = !answer;
  at("microphone").hidden = !microphone;
  at("hang-up").hidden = hang === "";
  at("hang-up").firstChild.textContent = `${hang} `;
  at("pad").hidden = !pad;
  at("clock").hidden = !microphone;
  if (had?.hidden) (room.querySelector("button:not([hidden])") ?? document.body).focus();
}

function showMicrophone(open) {
  at("microphone").firstChild.textContent = open ? "关麦克风 " : "开麦克风 ";
  at("microphone").setAttribute("aria-pressed", !open);
  at("microphone").classList.toggle("first", !open);
}

/** Nobody is rung without a microphone: it is asked for before, and let go at once. */
async function turnOn() {
  warn("");
  try {
    const tried = new Mouth();
    try {
      await tried.listen();
    } finally {
      tried.close();
    }
  } catch (refused) {
    return warn(microphoneRefused(refused));
  }
  try {
    phone = new Phone(await library);
  } catch (missing) {
    return warn("浏览器话机的程序没有装上：请管理员在服务器上运行 make pages，再重新启动控制台");
  }
  return phone.begin();
}

const BY_KEY = {
  F2: () => phone.call?.answer(),
  F8: () => phone.call?.toggleMicrophone(),
  F9: () => phone.call?.hangUp(),
};

function pressed(event) {
  const key = room.contains(event.target) ? keyOf(event) : null;
  if (phone && event.key in BY_KEY) {
    event.preventDefault();
    BY_KEY[event.key]();
  } else if (phone?.call && key !== null) {
    phone.call.press(key);
  }
}

/** Another page in this tab would take the telephone away: links lead to a new tab meanwhile. */
function keepHere({ target }) {
  const link = target.closest?.("a[href]");
  if (phone && link && !link.getAttribute("href").startsWith("#")) link.target = "_blank";
}

if (room) {
  at("on").disabled = !window.isSecureContext;
  at("insecure").hidden = window.isSecureContext;
  at("on").addEventListener("click", turnOn);
  at("off").addEventListener("click", () => phone?.end());
  at("answer").addEventListener("click", () => phone?.call?.answer());
  at("microphone").addEventListener("click", () => phone?.call?.toggleMicrophone());
  at("hang-up").addEventListener("click", () => phone?.call?.hangUp());
  at("pad").addEventListener("click", ({ target }) => {
    const { key } = target.closest("[data-key]")?.dataset ?? {};
    if (key) phone?.call?.press(key);
  });
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", keepHere, true);
  addEventListener("beforeunload", (event) => phone?.call?.talks && event.preventDefault());
}
