// A long time range of a session, downsampled by the server.

const RETRY_DELAY = 5_000;

export class History {
  /**
   * @param {string} path the address that serves the history
   * @param {() => void} onChange called whenever the state has changed
   */
  constructor(path, onChange) {
    this.path = path;
    this.onChange = onChange;
    this.reset();
  }

  reset() {
    clearTimeout(this.retry);
    this.request?.abort();
    this.request = null;
    this.range = null;
    this.failed = false;
    this.step = 0;
    this.points = [];
  }

  /** Loads a range; points already loaded for it stay until the answer arrives. */
  async load(range) {
    if (range !== this.range) this.reset();
    clearTimeout(this.retry);
    this.request?.abort();
    const request = new AbortController();
    this.request = request;
    try {
      const response = await fetch(`${this.path}?range=${range}`, { signal: request.signal });
      if (!response.ok) throw new Error(response.statusText);
      const { step, points } = await response.json();
      Object.assign(this, { range, step, points, failed: false, request: null });
    } catch {
      if (request.signal.aborted) return;
      this.failed = true;
      this.request = null;
      this.retry = setTimeout(() => this.load(range), RETRY_DELAY);
    }
    this.onChange();
  }

  /** Whether a range is loaded and can be drawn. */
  has(range) {
    return this.range === range;
  }

  get isLoading() {
    return this.request !== null;
  }

  /** The time of the last point; 0 if there is none. */
  get end() {
    return this.points.at(-1)?.time ?? 0;
  }
}
