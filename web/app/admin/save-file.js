/**
 * Files that can only be had with credentials, which a plain link does not carry: the page fetches
 * them, and where the browser can, writes them to the disk as they come in.
 *
 * @typedef {{createWritable: () => Promise<WritableStream<Uint8Array>>}} FileHandle
 * @typedef {(options: {suggestedName: string}) => Promise<FileHandle>} Picker
 */

/**
 * @param {string} name
 * @param {() => Promise<Response>} fetchIt Is asked once it is clear where the file goes
 */
export async function save(name, fetchIt) {
  const picker = /** @type {{showSaveFilePicker?: Picker}} */ (/** @type {unknown} */ (globalThis)).showSaveFilePicker;
  if (picker) {
    const handle = await picker({ suggestedName: name }).catch((error) => {
      if (error instanceof DOMException && error.name === "AbortError") return null;
      throw error;
    });
    if (handle === null) return;
    const { body } = await fetchIt();
    await body?.pipeTo(await handle.createWritable());
    return;
  }
  const url = URL.createObjectURL(await (await fetchIt()).blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
