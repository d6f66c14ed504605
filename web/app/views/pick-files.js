/**
 * Asks the user for files.
 * @param {{accept?: string, multiple?: boolean}} options
 * @returns {Promise<File[]>} None if the user changed their mind
 */
export function pickFiles({ accept = "", multiple = false }) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", accept, multiple });
  return new Promise((resolve) => {
    input.addEventListener("change", () => resolve([...(input.files ?? [])]));
    input.addEventListener("cancel", () => resolve([]));
    input.click();
  });
}
