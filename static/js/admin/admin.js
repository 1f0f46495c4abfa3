// The admin beside the shell: its own palette, filters that leave short addresses, rows that are chosen.
import { $ } from "../console/dom.js";
import * as filters from "./filters.js";
import * as rows from "./rows.js";

document.documentElement.classList.add("js");
const palette = $("#palette");
if (palette) palette.dataset.url = "/admin/palette.json";
for (const part of [filters, rows]) part.start();
