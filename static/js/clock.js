// The server's clock, whatever this computer's is: first as the page brings it, then from every message.

let offset;

/** @param {number} now of the server, in milliseconds since 1970 */
export function setClock(now) {
  offset = now - performance.now();
}

export const serverNow = () => performance.now() + offset;

setClock(Number(document.querySelector("meta[name=server-time]")?.content ?? Date.now()));
