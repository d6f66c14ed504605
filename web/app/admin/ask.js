/**
 * A question that is asked before something is done that cannot be undone.
 */
import { html, nothing, render } from "lit";
import { w } from "./words.js";

/**
 * Asks, and returns whether the answer was yes.
 * @param {{title: string, text: string, yes: string}} question
 * @returns {Promise<boolean>}
 */
export function ask({ title, text, yes }) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "ask-title");
  dialog.setAttribute("aria-describedby", "ask-text");
  const answer = (/** @type {string} */ value) => () => dialog.close(value);
  render(
    html`<div class="dialog-body">
      <h2 id="ask-title">${title}</h2>
      <p id="ask-text">${text === "" ? nothing : text}</p>
      <div class="row end">
        <button class="btn" type="button" @click=${answer("")}>${w("cancel")}</button>
        <button class="btn danger" type="button" data-action="yes" @click=${answer("yes")}>${yes}</button>
      </div>
    </div>`,
    dialog,
  );
  document.body.append(dialog);
  const before = document.activeElement;
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
