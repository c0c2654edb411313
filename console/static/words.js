// The page of the words: one quiet player for each sentence, the search box, and the numbers.

// --- players -----------------------------------------------------------------------------------

const ICONS = `<svg class="play" viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2v12l10-6z"/></svg>
<svg class="pause" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 2h4v12H3zm6 0h4v12H9z"/></svg>`;
let playing = null;

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

/** Replaces a native player by a button, a slider and a clock; returns the button. */
function quietPlayer(audio) {
  const { name, seconds } = audio.dataset;
  const player = element("div", { className: "player" });
  const button = element("button", { type: "button", innerHTML: ICONS, ariaLabel: `播放 ${name}` });
  const slider = element("input", { type: "range", min: 0, max: seconds, step: 0.05, value: 0, ariaLabel: `${name} 的位置` });
  const time = element("output", {});
  const show = () => { time.textContent = `${clock(audio.currentTime)} / ${clock(slider.max)}`; };

  button.addEventListener("click", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()));
  slider.addEventListener("input", () => { audio.currentTime = slider.value; });
  audio.addEventListener("loadedmetadata", () => { slider.max = audio.duration; show(); });
  audio.addEventListener("timeupdate", () => { slider.value = audio.currentTime; show(); });
  audio.addEventListener("play", () => {
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    player.classList.add("playing");
    button.ariaLabel = `暂停 ${name}`;
  });
  audio.addEventListener("pause", () => {
    player.classList.remove("playing");
    button.ariaLabel = `播放 ${name}`;
  });
  audio.addEventListener("error", () => {
    player.classList.add("broken");
    time.textContent = "这段录音不在了，请重新生成";
  });

  audio.replaceWith(player);
  audio.controls = false;
  player.append(button, slider, time, audio);
  show();
  return button;
}

document.querySelectorAll("audio").forEach(quietPlayer);

// --- search ------------------------------------------------------------------------------------

const query = document.getElementById("query");
const filters = [...document.querySelectorAll(".filters button")];
const found = document.querySelector(".found");
const plain = (text) => text.toLowerCase().replace(/\s+/g, "");
const sentences = [...document.querySelectorAll(".sentences article")].map((article) => ({
  article,
  text: plain([...article.querySelectorAll("h4, .name, .words")].map((each) => each.textContent).join("\n")),
  marks: article.dataset.marks.split(" "),
}));
const sections = [...document.querySelectorAll(".sentences section")];

function narrow() {
  const sought = plain(query.value);
  const { mark } = filters.find((each) => each.ariaPressed === "true").dataset;
  let shown = 0;
  for (const { article, text, marks } of sentences) {
    article.hidden = !(text.includes(sought) && (!mark || marks.includes(mark)));
    shown += !article.hidden;
  }
  for (const section of sections) section.hidden = !section.querySelector("article:not([hidden])");
  found.textContent = sought || mark ? (shown ? `找到 ${shown} 句` : "没有找到，换个说法试试") : "";
  remember(query.value, mark);
}

/** In the address, so that reloading after a change shows the same sentences. */
function remember(sought, mark) {
  const kept = new URLSearchParams();
  if (sought) kept.set("q", sought);
  if (mark) kept.set("only", mark);
  history.replaceState(null, "", `${kept.size ? `?${kept}` : location.pathname}${location.hash}`);
}

function choose(mark) {
  for (const each of filters) each.ariaPressed = String(each.dataset.mark === mark);
}

filters.forEach((button) => button.addEventListener("click", () => { choose(button.dataset.mark); narrow(); }));
query.addEventListener("input", narrow);
document.addEventListener("keydown", (pressed) => {
  if (pressed.key === "/" && !pressed.target.matches("input, select")) {
    pressed.preventDefault();
    query.focus();
  }
});

const asked = new URLSearchParams(location.search);
query.value = asked.get("q") ?? "";
if (filters.some((each) => each.dataset.mark === asked.get("only") && !each.disabled)) choose(asked.get("only"));
narrow();

// --- the menu on a telephone's width ------------------------------------------------------------

const menu = document.querySelector(".tree details");
const narrowScreen = matchMedia("(max-width: 52rem)");
const fold = () => { menu.open = !narrowScreen.matches; };
narrowScreen.addEventListener("change", fold);
fold();

// --- numbers -----------------------------------------------------------------------------------

const form = document.getElementById("numbers");
if (form) {
  const reading = form.querySelector(".reading");
  form.elements.kind.addEventListener("change", ({ target }) => {
    form.elements.value.value = target.selectedOptions[0].dataset.example;
  });
  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    reading.replaceChildren();
    const answer = await fetch(`/words/numbers?${new URLSearchParams(new FormData(form))}`);
    if (!answer.ok) {
      reading.textContent = `这个数值读不出来，请照例子写：${form.elements.kind.selectedOptions[0].dataset.example}`;
      return;
    }
    const { text, sound } = await answer.json();
    const audio = element("audio", { src: sound, preload: "metadata" });
    Object.assign(audio.dataset, { name: text, seconds: 0 });
    reading.append(element("p", { className: "words", textContent: text }), audio);
    quietPlayer(audio).click();
  });
}

// --- where keys lead, and how callers take it: asked for once the page stands --------------------

const names = { "*": "＊", "#": "＃" };
const sentence = (name) => document.getElementById(name);

async function lead() {
  const answer = await fetch("/words/ways");
  if (!answer.ok) return;
  const ways = await answer.json();
  for (const key of document.querySelectorAll("a.way")) {
    const to = ways[key.dataset.menu]?.[key.dataset.key];
    if (!to || !sentence(to)) continue;
    key.href = `#${to}`;
    const title = sentence(to).querySelector("h4")?.textContent ?? to;
    key.title = `按 ${names[key.dataset.key] ?? key.dataset.key} 以后听到：${title}`;
  }
}

// A sentence by its name, as a link where it is on this page.
function link(name) {
  if (!sentence(name)) return name;
  const made = document.createElement("a");
  made.href = `#${name}`;
  made.textContent = name;
  return made;
}

async function count() {
  const answer = await fetch("/words/usage");
  if (!answer.ok) return;
  const { said, keys, then } = await answer.json();
  for (const place of document.querySelectorAll("[data-usage]")) {
    const use = said[place.dataset.usage];
    if (!use) continue;
    const parts = [`近三十天播了 ${use.played} 次`, `听完 ${use.to_the_end}`];
    if (use.interrupted) parts.push(`按键打断 ${use.interrupted}`);
    if (use.hung_up) parts.push(`听到一半挂机 ${use.hung_up}`);
    const next = (keys[place.dataset.usage] ?? []).map(([key, percent]) => `${names[key] ?? key} ${percent}%`);
    place.textContent = parts.join("，") + (next.length ? `；接着按 ${next.join("、")}` : "");
    for (const [name, percent] of then[place.dataset.usage] ?? []) {
      place.append(place.dataset.then ? "、" : "；接着听到 ", name ? link(name) : "通话结束", ` ${percent}%`);
      place.dataset.then = "told";
    }
    place.hidden = false;
  }
}

lead();
count();
