// A publication on its way: shown as it goes; once it is over the page is shown anew.

const card = document.getElementById("publishing");
const bar = card.querySelector("progress");
const far = card.querySelector(".far");
const says = card.querySelector(".says");
const PAUSE_MS = 1000;

async function look() {
  const answer = await fetch(card.dataset.progress).catch(() => null);
  if (answer?.redirected || (answer && !answer.ok)) return;
  if (answer) {
    const { runs, made, of, says: words } = await answer.json();
    if (!runs) {
      location.reload();
      return;
    }
    if (of) {
      bar.max = of;
      bar.value = made;
      far.textContent = `${made} / ${of} 句`;
      says.textContent = words;
    }
  }
  setTimeout(look, PAUSE_MS);
}

setTimeout(look, PAUSE_MS);
