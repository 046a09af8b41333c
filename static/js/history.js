// A long range of a session, thinned out by the server.

const TRY_AGAIN = 5_000;

export class History {
  /**
   * @param {string} path of the page that answers
   * @param {() => void} onChange is called whenever the state has changed
   */
  constructor(path, onChange) {
    this.path = path;
    this.onChange = onChange;
    this.forget();
  }

  forget() {
    clearTimeout(this.retry);
    this.request?.abort();
    this.request = null;
    this.range = null;
    this.failed = false;
    this.step = 0;
    this.points = [];
  }

  /** Loads a range; what is there of the same range stays until the answer has come. */
  async load(range) {
    if (range !== this.range) this.forget();
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
      this.retry = setTimeout(() => this.load(range), TRY_AGAIN);
    }
    this.onChange();
  }

  /** Whether a range can be drawn. */
  has(range) {
    return this.range === range;
  }

  get isLoading() {
    return this.request !== null;
  }

  /** The time of the last point; 0 without any. */
  get end() {
    return this.points.at(-1)?.time ?? 0;
  }
}
