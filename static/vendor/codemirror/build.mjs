// Builds codemirror.min.js: npm ci && node build.mjs
// One change is made on the way: styles go into document.adoptedStyleSheets instead of a <style> element,
// which a Content-Security-Policy without 'unsafe-inline' would refuse.
import {build} from "esbuild"
import {readFile, writeFile, readdir} from "node:fs/promises"

const adopted = {
  name: "adopted-style-sheets",
  setup(bundler) {
    bundler.onLoad({filter: /style-mod\.js$/}, async ({path}) => {
      const source = await readFile(path, "utf8")
      const changed = source.replace("!root.head && root.adoptedStyleSheets", "root.adoptedStyleSheets")
      if (changed === source) throw new Error("style-mod has changed: look at how it mounts styles")
      return {contents: changed, loader: "js"}
    })
  },
}

await build({
  entryPoints: ["entry.js"], outfile: "codemirror.min.js", bundle: true, minify: true, format: "esm",
  target: "es2022", legalComments: "none", plugins: [adopted],
})

const lock = JSON.parse(await readFile("package-lock.json", "utf8"))
const lines = [], licences = []
for (const [path, item] of Object.entries(lock.packages)) {
  const name = path.replace("node_modules/", "")
  if (!path || name.includes("esbuild")) continue
  lines.push(`${name} ${item.version} (${item.license || "MIT"})`)
  const files = await readdir(path)
  const file = files.find((entry) => /^licen[cs]e/i.test(entry))
  if (file) licences.push(`${name} ${item.version}\n\n${(await readFile(`${path}/${file}`, "utf8")).trim()}`)
}
await writeFile("VERSION", lines.sort().join("\n") + "\n")
await writeFile("LICENSE", [...new Set(licences)].sort().join("\n\n----\n\n") + "\n")
