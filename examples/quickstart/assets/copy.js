// Copy buttons: shown only where the clipboard can be written, and announced when done.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const status = button.parentElement.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      status.textContent = "Copied";
    } catch {
      status.textContent = "Press Ctrl+C to copy";
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    }
  });
}
