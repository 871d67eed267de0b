// Pages as documents: printed, or saved as one HTML file that needs no script, no style sheet and no network.
import { Store } from "./store";

/** Whether the page is laid out as a document: as wide as paper, with all details open and without controls. */
export const asDocument = new Store(false);

/** What only a screen needs. The style sheet hides the same elements from print. */
const CONTROLS = ".screen, .actions, .filters, .chips, .tabs, .crumbs, .scrub, .readout, dialog, [role=status]";

const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
const PATIENCE = 100;

/** Lay the page out as a document, and wait until its charts are drawn at the new width. */
async function open(): Promise<HTMLElement> {
  document.documentElement.classList.add("document");
  asDocument.set(true);
  const main = document.getElementById("main")!;
  for (let turn = 0; turn < PATIENCE; turn++) {
    await frame();
    await frame();
    if (!main.querySelector(".waiting, .loading")) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return main;
}

function close(): void {
  document.documentElement.classList.remove("document");
  asDocument.set(false);
}

/** Print the page. The layout of the document stays until the browser has printed. */
export async function print(): Promise<void> {
  await open();
  window.addEventListener("afterprint", close, { once: true });
  window.print();
}

/** Download the page as an HTML file. */
export async function save(): Promise<void> {
  try {
    const text = html(await open());
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/html" }));
    link.download = `${fileName(document.title)}.html`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } finally {
    close();
  }
}

function fileName(title: string): string {
  const words = `${title} ${new Date().toISOString().slice(0, 10)}`.toLowerCase();
  return words.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 100);
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** The text of a file that shows `main` as it is now. The browser escapes every name and value as it writes the elements. */
function html(main: HTMLElement): string {
  const copy = main.cloneNode(true) as HTMLElement;
  for (const control of copy.querySelectorAll(CONTROLS)) control.remove();
  for (const button of copy.querySelectorAll("button")) {
    const text = document.createElement("span");
    text.className = button.classList.contains("link") ? "name" : "";
    text.append(...button.childNodes);
    button.replaceWith(text);
  }
  for (const link of copy.querySelectorAll("a")) link.href = link.href; // absolute, as the file has another address
  const styles = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n");
  return `<!doctype html>
<html lang="en" class="document saved" data-theme="light">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escaped(document.title)}</title>
<style>${styles}</style>
</head>
<body>
${copy.outerHTML}
</body>
</html>
`;
}
