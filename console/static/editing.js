// One sentence being changed: it is checked while somebody types, and heard before it is kept.

const form = document.getElementById("edit");
const checked = document.getElementById("checked");
const hear = document.getElementById("hear");
const hearing = document.getElementById("hearing");
const sound = document.getElementById("sound");
const PAUSE_MS = 500;
let waiting = 0;
let asked = 0;

const send = (address) => fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)) });

function checkSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const mine = ++asked;
    const answer = await send(form.dataset.check);
    const text = await answer.text();
    if (mine === asked && answer.ok) checked.innerHTML = text;
  }, PAUSE_MS);
}

form.addEventListener("input", checkSoon);
// What was typed before this ran, or what the browser has put back, is checked too.
if ([...form.elements].some(({ value, defaultValue }) => value !== (defaultValue ?? value))) checkSoon();

hear.hidden = false;
hear.addEventListener("click", async () => {
  hear.disabled = true;
  hearing.textContent = "正在念……";
  const answer = await send(form.dataset.hear);
  hear.disabled = false;
  hearing.textContent = answer.ok ? "" : "念不出来：先照右边改好。";
  if (!answer.ok) return;
  URL.revokeObjectURL(sound.src);
  sound.src = URL.createObjectURL(await answer.blob());
  sound.hidden = false;
  sound.play().catch(() => {});
});
