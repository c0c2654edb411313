// One case: its sound drawn, heard faster or slower, silences left out, a part again and again;
// moments marked; templates put into the answer; what somebody has written outlives a console that
// is restarted before it is sent.

const player = document.getElementById("player");
if (player) listen(player);

const moves = document.getElementById("moves");
if (moves) keep(moves.dataset.who, moves.dataset.case);

for (const chosen of document.querySelectorAll("select[data-template]")) {
  chosen.addEventListener("change", () => {
    const text = chosen.form.querySelector("textarea");
    if (chosen.value) text.value = text.value.trim() ? `${text.value.trimEnd()}\n${chosen.value}` : chosen.value;
    chosen.value = "";
    text.dispatchEvent(new Event("input"));
    text.focus();
  });
}

// In this tab only, until it is an event of the case, and for nobody else who signs in here.
function keep(who, number) {
  const mine = `case ${who} `;
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith("case ") && !key.startsWith(mine)) sessionStorage.removeItem(key);
  }
  const plain = (text) => text.replace(/\s+/g, " ").trim();
  const sent = [...document.querySelectorAll("#events td:last-child")].map((each) => plain(each.textContent));
  for (const text of moves.querySelectorAll("textarea")) {
    const key = `${mine}${number} ${text.form.elements.move.value}`;
    const kept = sessionStorage.getItem(key);
    if (kept && sent.some((each) => each.endsWith(plain(kept)))) sessionStorage.removeItem(key);
    else if (kept && !text.value) text.value = kept;
    text.addEventListener("input", () => {
      if (text.value.trim()) sessionStorage.setItem(key, text.value);
      else sessionStorage.removeItem(key);
    });
  }
}

function clock(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

async function listen(room) {
  const part = (name) => room.querySelector(`[data-part="${name}"]`);
  const [sound, canvas, seek, now, play] = ["sound", "wave", "seek", "now", "play"].map(part);
  const [speed, skip, loop, from, to] = ["speed", "skip", "loop", "from", "to"].map(part);
  const moment = document.querySelector("[data-moment]");
  let shape = { ms: Number(room.dataset.ms), peaks: [], silences: [] };
  let span = [0, null];
  let typed = false;

  const total = () => shape.ms / 1000;
  const go = (seconds) => {
    sound.currentTime = Math.min(Math.max(0, seconds), Math.max(0, total() - 0.05));
    show();
  };

  function show() {
    const at = sound.currentTime;
    seek.value = String(at);
    seek.setAttribute("aria-valuetext", clock(at));
    now.textContent = `${clock(at)} / ${clock(total())}`;
    if (!typed && moment) moment.value = clock(at);
    draw(at);
  }

  function draw(at) {
    const wide = canvas.clientWidth * devicePixelRatio;
    const high = canvas.clientHeight * devicePixelRatio;
    if (canvas.width !== Math.round(wide)) [canvas.width, canvas.height] = [Math.round(wide), Math.round(high)];
    const ink = getComputedStyle(room);
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const x = (seconds) => (seconds / total()) * canvas.width;
    if (loop.checked) {
      pen.fillStyle = ink.getPropertyValue("--accent-soft");
      pen.fillRect(x(span[0]), 0, x((span[1] ?? total()) - span[0]), canvas.height);
    }
    const width = canvas.width / Math.max(1, shape.peaks.length);
    shape.peaks.forEach((peak, n) => {
      const tall = Math.max(1, (peak / 100) * canvas.height);
      pen.fillStyle = ink.getPropertyValue(n * width < x(at) ? "--accent" : "--quiet");
      pen.fillRect(n * width, (canvas.height - tall) / 2, Math.max(1, width * 0.7), tall);
    });
    pen.fillStyle = ink.getPropertyValue("--bad");
    pen.fillRect(x(at), 0, Math.max(2, devicePixelRatio), canvas.height);
    for (const mark of document.querySelectorAll("[data-jump]")) {
      pen.fillStyle = ink.getPropertyValue("--warn");
      pen.fillRect(x(Number(mark.dataset.jump) / 1000), 0, Math.max(2, devicePixelRatio), canvas.height);
    }
  }

  function follow() {
    const at = sound.currentTime;
    const end = loop.checked ? span[1] ?? total() - 0.05 : null;
    if (end !== null && at >= end) go(span[0]);
    else if (skip.checked) {
      const silent = shape.silences.find(([a, b]) => at * 1000 >= a + 200 && at * 1000 < b - 200);
      if (silent) go((silent[1] - 100) / 1000);
    }
    show();
    if (!sound.paused) requestAnimationFrame(follow);
  }

  play.addEventListener("click", () => (sound.paused ? sound.play() : sound.pause()));
  sound.addEventListener("play", () => { play.textContent = "暂停"; follow(); });
  sound.addEventListener("pause", () => { play.textContent = "播放"; show(); });
  sound.addEventListener("ended", () => { if (loop.checked) { go(span[0]); sound.play(); } });
  sound.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(sound.duration)) shape.ms = Math.round(sound.duration * 1000);
    seek.max = String(total());
    show();
  });
  part("back").addEventListener("click", () => go(sound.currentTime - 5));
  part("ahead").addEventListener("click", () => go(sound.currentTime + 5));
  seek.addEventListener("input", () => go(Number(seek.value)));
  speed.addEventListener("change", () => { sound.playbackRate = Number(speed.value); });
  canvas.addEventListener("click", (event) => go((event.offsetX / canvas.clientWidth) * total()));
  loop.addEventListener("change", show);
  from.addEventListener("click", () => { span = [sound.currentTime, span[1] > sound.currentTime ? span[1] : null]; loop.checked = true; show(); });
  to.addEventListener("click", () => { if (sound.currentTime > span[0]) span = [span[0], sound.currentTime]; loop.checked = true; show(); });
  for (const mark of document.querySelectorAll("[data-jump]")) {
    mark.addEventListener("click", () => go(Number(mark.dataset.jump) / 1000));
  }
  moment?.addEventListener("input", () => { typed = true; });
  addEventListener("resize", show);

  const answer = await fetch(room.dataset.shape, { cache: "no-store" });
  if (answer.ok) shape = await answer.json();
  seek.max = String(total());
  room.dataset.ready = "yes";
  const at = new URLSearchParams(location.search).get("at");
  if (at) {
    if (sound.readyState < 1) sound.load();
    go(Number(at) / 1000);
  }
  show();
}
