// The list by keys: ↓ and ↑ go from case to case, Home and End to the first and the last.

const list = document.querySelector("[data-cases]");
list?.addEventListener("keydown", (event) => {
  const links = [...list.querySelectorAll("th a")];
  const here = links.indexOf(document.activeElement);
  const next = { ArrowDown: here + 1, ArrowUp: Math.max(0, here - 1), Home: 0, End: links.length - 1 }[event.key];
  if (next === undefined || !links[next]) return;
  event.preventDefault();
  links[next].focus();
});
