// What the theme leaves unsaid: a name for its search dialog, and code that scrolls by keyboard.
const search = document.querySelector('.md-search[role="dialog"]');
if (search) search.setAttribute("aria-label", "Search");
document.querySelectorAll("pre > code").forEach((code) => code.setAttribute("tabindex", "0"));
document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset__table").forEach((table) => table.setAttribute("tabindex", "0"));
// The theme adds the buttons beside code as it comes into view.
const name = () => document.querySelectorAll("nav.md-code__nav:not([aria-label])").forEach((nav) => nav.setAttribute("aria-label", `Code ${document.querySelectorAll("nav.md-code__nav[aria-label]").length + 1}`));
new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
name();
