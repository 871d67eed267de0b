// Bundles the page into the given folder, by default the one that its function serves. File names contain a content hash.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "functions", "dashboard", "static");

const { outputFiles } = await build({
  entryPoints: { app: join(here, "src", "main.tsx"), style: join(here, "src", "style.css") },
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox121", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  outdir: out,
  write: false,
});

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const keep = (name, content) => {
  const [stem, extension] = name.split(".");
  const hashed = `${stem}-${createHash("sha256").update(content).digest("hex").slice(0, 12)}.${extension}`;
  writeFileSync(join(out, hashed), content);
  return `dashboard/${hashed}`; // relative to …/dashboard, the page's address
};

const output = (extension) => outputFiles.find((file) => file.path.endsWith(extension)).contents;
const page = readFileSync(join(here, "index.html"), "utf8")
  .replace("%ICON%", keep("icon.svg", readFileSync(join(here, "src", "icon.svg"))))
  .replace("%STYLE%", keep("style.css", output(".css")))
  .replace("%SCRIPT%", keep("app.js", output(".js")));
writeFileSync(join(out, "index.html"), page);
