// A citation marker opens its source and moves the focus there; Escape leads back to the marker.
// In the quiz, Enter on an option checks it. Labels that Gradio leaves out are put in.
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
  const label = () => {
    const box = document.querySelector("#message textarea");
    box?.setAttribute("aria-label", "Your message");
    document.querySelector("#quiz-feedback")?.setAttribute("aria-live", "polite");
  };
  new MutationObserver(label).observe(document, { childList: true, subtree: true });
})();
