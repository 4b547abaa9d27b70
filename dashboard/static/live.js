// When the server is asked again: at the pace of the view, not in a tab that nobody sees, and after failures ever more rarely.

export const retryFirst = 4000, retryMost = 60_000;

/** @param {number} failures how often in a row @param {number} [retryAfter] seconds that the server wants @returns {number} ms */
export const wait = (failures, retryAfter = 0) => retryAfter > 0 ? retryAfter * 1000 : Math.min(retryMost, retryFirst * 2 ** Math.max(0, failures - 1));

export class Live {
  /** @param {() => void} due is called when it is time */
  constructor(due) {
    this.due = due;
    this.timer = 0;
    this.missed = false;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || !this.missed) return;
      this.missed = false;
      this.due();
    });
  }

  /** @param {number} ms from now; 0 is never */
  next(ms) {
    clearTimeout(this.timer);
    if (ms <= 0) return;
    this.timer = setTimeout(() => {
      if (document.hidden) this.missed = true;
      else this.due();
    }, ms);
  }
}
