// Relative times stay true while a page is open; the exact one is in the title.
import { $$ } from "./dom.js";
import { gettext, language } from "./i18n.js";

const units = [
  [60, 3600, (n) => gettext("%(n)s min ago", { n }), (n) => gettext("in %(n)s min", { n })],
  [3600, 86400, (n) => gettext("%(n)s h ago", { n }), (n) => gettext("in %(n)s h", { n })],
  [86400, 2592000, (n) => gettext("%(n)s d ago", { n }), (n) => gettext("in %(n)s d", { n })],
];

export function relative(moment, now = Date.now()) {
  const away = Math.round((now - moment.getTime()) / 1000);
  const seconds = Math.abs(away);
  if (seconds < 45) return away < 0 ? gettext("in a moment") : gettext("just now");
  for (const [size, most, past, future] of units) {
    if (seconds < most) return (away < 0 ? future : past)(Math.max(1, Math.round(seconds / size)));
  }
  return moment.toLocaleDateString(language, { dateStyle: "medium" });
}

export function start() {
  setInterval(() => {
    for (const time of $$("time[data-relative]")) {
      const moment = new Date(time.dateTime);
      if (Math.abs(Date.now() - moment) < 2592000000) time.textContent = relative(moment);
    }
  }, 30000);
}
