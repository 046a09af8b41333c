// The server's clock, independent of this computer's: first from the page, then from every message.

let offset;

/** @param {number} now the server's time, in milliseconds since 1970 */
export function setClock(now) {
  offset = now - performance.now();
}

export const serverNow = () => performance.now() + offset;

setClock(Number(document.querySelector("meta[name=server-time]")?.content ?? Date.now()));
