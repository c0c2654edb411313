// What the line says, as it says it: the stream of one call, its text on the page, its course.

const RETRY_MS = 1000;

/** Hands each event of the call with this token to `take`; returns when the call is over. */
export async function follow(token, take, signal) {
  let mark = "";
  while (!signal.aborted) {
    try {
      const headers = { "X-Screen": token, ...(mark && { "Last-Event-ID": mark }) };
      const answer = await fetch("/phone/said", { headers, signal, cache: "no-store" });
      for await (const event of events(answer)) {
        mark = event.mark;
        take(event.told);
        if (event.told.kind === "ended") return;
      }
    } catch (lost) {
      if (signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function* events(answer) {
  if (!answer.ok) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const found = /^id: (.*)\ndata: (.*)$/.exec(block);
      if (found) yield { mark: found[1], told: JSON.parse(found[2]) };
    }
  }
}

/** The list of sentences; the one that sounds is followed clip by clip, by the page's own clock. */
export class Transcript {
  #list;
  #saying = null;

  constructor(list) {
    this.#list = list;
  }

  clear() {
    this.#over();
    this.#list.replaceChildren();
  }

  says(id, clips) {
    this.#over();
    const line = this.#add("now");
    const parts = words(clips).map(([text, ms]) => ({ ms, span: part(line, text) }));
    this.#saying = { id, line, parts, timers: [], began: performance.now() };
    let after = 0;
    for (const [n, { ms }] of parts.entries()) {
      this.#saying.timers.push(setTimeout(() => sound(parts, n), after));
      after += ms;
    }
    this.#saying.timers.push(setTimeout(() => this.#over(), after));
  }

  /** Cut short: what was not said is crossed out. */
  stops(id) {
    if (this.#saying?.id !== id) return;
    let left = performance.now() - this.#saying.began;
    for (const { span, ms } of this.#saying.parts) {
      const heard = heardOf(span.textContent, ms, left);
      if (heard !== span.textContent) cut(span, heard);
      left -= ms;
    }
    this.#over();
  }

  /** The call is over: so is what was being said, where it is. */
  finish() {
    if (this.#saying !== null) this.stops(this.#saying.id);
  }

  /** Something that is no sentence, such as the beep. */
  aside(text) {
    this.#over();
    this.#add("aside").textContent = text;
  }

  #add(name) {
    const line = document.createElement("li");
    line.className = name;
    this.#list.append(line);
    line.parentElement.parentElement.scrollTop = this.#list.scrollHeight;
    return line;
  }

  #over() {
    if (this.#saying === null) return;
    this.#saying.timers.forEach(clearTimeout);
    for (const { span } of this.#saying.parts) span.className = "";
    this.#saying.line.classList.remove("now");
    this.#saying = null;
  }
}

const STOP_MS = 500;

/** A pause between two sentences is read as a full stop. */
function words(clips) {
  return clips.map(([text, ms], n) => {
    const before = n > 0 ? clips[n - 1][0] : "。";
    return [text || (ms > STOP_MS && before && !before.endsWith("。") ? "。" : ""), ms];
  });
}

function part(line, text) {
  const span = document.createElement("span");
  span.className = "yet";
  span.textContent = text;
  line.append(span);
  return span;
}

/** As much of a clip's words as was heard in `left` milliseconds, as far as one can tell. */
function heardOf(text, ms, left) {
  return text.slice(0, Math.ceil(text.length * Math.min(1, Math.max(0, left / ms))));
}

function cut(span, heard) {
  const rest = document.createElement("span");
  rest.className = "unsaid";
  rest.textContent = span.textContent.slice(heard.length);
  span.textContent = heard;
  span.after(rest);
}

function sound(parts, now) {
  parts.slice(0, now).forEach(({ span }) => (span.className = ""));
  parts[now].span.className = "now-said";
}

const HEARD = {
  no_input: "没有按键",
  no_match: "按了没有的键",
  invalid: "不对",
  cleared: "按 * 清除了",
  back: "按 * 返回",
  agent: "按 0 要人工",
};
const LOOKED_UP = {
  found: "查到了",
  not_found: "没有录入",
  several: "有多个账户",
  account_closed: "已销户",
  empty: "余额为空",
  unsayable: "播报不了",
  unavailable: "数据库不通",
};
const TRANSFERRED = {
  answered: "坐席接听了",
  busy: "坐席占线",
  no_answer: "无人接听",
  none_there: "没有坐席在线",
  closed: "不在人工服务时间",
  abandoned: "放弃等待",
  failed: "没有接通",
};
export const ENDED = {
  completed: "热线说了再见",
  hung_up: "您挂断了",
  vanished: "听不到您了，热线挂断",
  closed: "热线停开",
  refused: "来电太多",
  gave_up: "三次没有按对",
  failed: "热线出了故障",
  asterisk_lost: "Asterisk 停了",
  service_lost: "热线的服务停了",
};

/** The course of a call as rows of a table: when, what the line said or did, what the caller did. */
export class Course {
  #rows = [];
  #said = new Map();
  #last = "";

  take(told) {
    const row = (line) => this.#rows.push({ at: told.at, line, caller: "" });
    if (told.kind === "says") {
      const clips = words(told.said);
      row(clips.map(([text]) => text).join(""));
      this.#said.set(told.id, { row: this.#rows.at(-1), clips });
      this.#last = told.id;
    } else if (told.kind === "stops") this.#cut(told);
    else if (told.kind === "records") row("（录音）");
    else if (told.kind === "resumed") row("（换了一个服务，通话接着进行）");
    else if (told.kind === "looked_up") row(`（查询：${LOOKED_UP[told.outcome] ?? told.outcome}，${told.ms} 毫秒）`);
    else if (told.kind === "transferred") row(`（转人工：${TRANSFERRED[told.outcome] ?? told.outcome}）`);
    else if (told.kind === "heard" && this.#rows.length) this.#heard(told);
  }

  get rows() {
    return this.#rows;
  }

  #heard(told) {
    this.#rows.at(-1).caller = caller(told);
    if (told.heard === "hung_up") this.#cut({ id: this.#last, at: told.at });
  }

  #cut({ id, at }) {
    const known = this.#said.get(id);
    if (known === undefined) return;
    let left = at - known.row.at;
    const heard = known.clips.map(([text, ms]) => heardOf(text, ms, (left -= ms) + ms)).join("");
    if (heard !== known.row.line) known.row.line = `${heard}……`;
  }
}

function caller({ verb, heard, key, keys }) {
  if (heard === "hung_up") return "挂断";
  if (verb === "collect" && heard === "match") return `输入 ${keys} 位`;
  if (heard === "match" && key) return `按 ${key}`;
  if (heard === "no_match" && key) return `按 ${key}：没有这个键`;
  return HEARD[heard] ?? "";
}

export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
