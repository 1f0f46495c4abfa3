// What the gallery's buttons show.
import { confirm } from "./dialogs.js";
import { $, $$ } from "./dom.js";
import { toast } from "./toasts.js";

for (const button of $$("[data-sample-toast]")) {
  button.addEventListener("click", () => {
    const kind = button.dataset.sampleToast;
    if (kind === "bad") toast("The worker does not answer. Nothing was changed.", { level: "bad", title: "Not sent" });
    else toast("Case approved", { undo: kind === "undo" ? "/gallery" : "" });
  });
}
$("[data-sample-confirm]")?.addEventListener("click", async () => {
  const sure = await confirm({ title: "Archive the project?", text: "Its 18,204 decisions stay readable.", yes: "Archive", name: "consumer-loans", danger: true });
  toast(sure ? "Archived" : "Nothing was changed", { level: "info" });
});
