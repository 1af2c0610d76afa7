// Keeps the values fresh while somebody looks; without it the page shows those of the moment it was opened.
"use strict";
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch("/", { redirect: "error" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (fresh) document.getElementById("live").replaceWith(fresh);
  } catch {
    document.title = "No answer - Open Power Quality";
  }
}, 2000);
