// The live page: what the stream says is shown as it comes, and seconds count by themselves.

const live = document.getElementById("live");
let ahead = 0; // of this browser's clock before the server's, in seconds

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function count() {
  const now = Date.now() / 1000 - ahead;
  for (const each of live.querySelectorAll("[data-since]")) {
    each.textContent = clock(now - Number(each.dataset.since));
  }
}

function follow() {
  const stream = new EventSource(live.dataset.stream);
  stream.onmessage = (event) => {
    const scrolled = live.querySelector(".tall")?.scrollTop ?? 0;
    live.innerHTML = event.data;
    const told = live.querySelector("[data-now]");
    if (told) ahead = Date.now() / 1000 - Number(told.dataset.now);
    const table = live.querySelector(".tall");
    if (table) table.scrollTop = scrolled;
    count();
  };
  stream.onerror = () => {
    if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    live.innerHTML = '<p class="notice bad" role="alert">与控制台的连接断了，或者您已经退出。<a href="">重新打开</a></p>';
  };
}

follow();
setInterval(count, 1000);
