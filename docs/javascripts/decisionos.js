// What the theme leaves unsaid: a name for its search dialog, and code that scrolls by keyboard.
const search = document.querySelector('.md-search[role="dialog"]');
if (search) search.setAttribute("aria-label", "Search");
document.querySelectorAll("pre > code").forEach((code) => code.setAttribute("tabindex", "0"));
document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset__table").forEach((table) => table.setAttribute("tabindex", "0"));
document.querySelectorAll("nav.md-code__nav").forEach((nav, number) => nav.setAttribute("aria-label", `Code ${number + 1}`));
