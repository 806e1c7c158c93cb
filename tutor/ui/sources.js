// A citation marker opens its source and moves the focus there; Escape leads back to the marker.
(() => {
  let from = null;
  document.addEventListener("click", (event) => {
    const marker = event.target.closest("a.cite");
    if (!marker) return;
    const source = document.getElementById(marker.getAttribute("href").slice(1));
    if (!source) return;
    event.preventDefault();
    source.open = true;
    from = marker;
    source.scrollIntoView({ block: "nearest" });
    source.querySelector("summary").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !from || !document.activeElement.closest("details.source")) return;
    document.activeElement.closest("details.source").open = false;
    from.focus();
    from = null;
  });
})();
