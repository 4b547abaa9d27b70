// The zone in which times are shown: that of the address, else the one that the reader chose here, else the browser's.

import { current } from "./address.js";

const key = "residual.zone";

/** @param {string | null | undefined} zone */
export function isZone(zone) {
  try {
    return Boolean(zone && new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}

/** @type {string | undefined} */
let browsers;

/** The browser's zone, which it takes long to tell. */
export const own = () => browsers ??= Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

let asked = "", found = "";

/** The zone in use. */
export function zone() {
  const { tz } = current().values, chosen = stored(), of = `${tz} ${chosen}`;
  if (asked !== of || !found) {
    asked = of;
    found = [tz, chosen].find(isZone) ?? own();
  }
  return found;
}

function stored() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} zone */
export function choose(zone) {
  try {
    if (zone === own()) localStorage.removeItem(key);
    else localStorage.setItem(key, zone);
  } catch { /* a browser that keeps nothing */ }
}

/** @param {string} zone the last part of a zone's name: Berlin */
export const city = (zone) => zone.slice(zone.lastIndexOf("/") + 1).replaceAll("_", " ");
