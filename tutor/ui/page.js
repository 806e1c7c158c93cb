// A citation marker opens its source and moves the focus there; Escape leads back to the marker.
// In the quiz, Enter on an option checks it. What Gradio leaves out for screen readers and keyboards is put in.
(() => {
  let from = null;
  document.addEventListener("click", (event) => {
    const marker = event.target.closest("a.cite");
    if (!marker) return;
    event.preventDefault();
    const source = document.getElementById(marker.getAttribute("href").slice(1));
    if (!source) return;
    source.open = true;
    from = marker;
    source.scrollIntoView({ block: "nearest" });
    source.querySelector("summary").focus();
  });
  document.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    if (event.key === "Escape" && from && at.closest("details.source")) {
      at.closest("details.source").open = false;
      from.focus();
      from = null;
    }
    if (event.key === "Enter" && at.closest("#quiz-options")) {
      event.preventDefault();
      document.querySelector("#quiz-check").click();
    }
  });
  const complete = () => {
    document.querySelector("#message textarea")?.setAttribute("aria-label", "Your message");
    document.querySelector("#quiz-feedback")?.setAttribute("aria-live", "polite");
    document.querySelector("#chat .examples")?.setAttribute("role", "group");
    for (const part of document.querySelectorAll(".prose pre, .prose .katex-display"))
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0; // scrolls by keyboard too
  };
  let waiting = null;
  new MutationObserver(() => {
    clearTimeout(waiting);
    waiting = setTimeout(complete, 150);
  }).observe(document, { childList: true, subtree: true });
})();
