// Writes the API's schemas as TypeScript types to generated/contract.ts, which src/types.ts builds on. The OpenAPI
// document is the only source: when the API and the dashboard disagree, the type check fails.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(here, "..", "layers", "driftguard", "driftguard", "openapi.json");
const PLAIN = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };

const text = (value) => JSON.stringify(value);
const union = (types) => [...new Set(types)].join(" | ");

/** A schema as a TypeScript type. Throws for what it does not know, because a loose type would hide a difference. */
function type(schema, where) {
  if (schema === true) return "unknown";
  if (schema.$ref) return `Schemas[${text(schema.$ref.replace("#/components/schemas/", ""))}]`;
  if ("const" in schema) return text(schema.const);
  if (schema.enum) return union(schema.enum.map(text));
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return union(options.map((option) => type(option, where)));
  if (schema.type === "array") return list(schema, where);
  if (schema.type === "object") return object(schema, where);
  if (schema.type in PLAIN) return PLAIN[schema.type];
  if (schema.type === undefined) return "unknown";
  throw new Error(`contract.mjs cannot translate ${where}: ${text(schema)}. Teach it this kind of schema.`);
}

function list({ prefixItems, items = true }, where) {
  if (prefixItems) return `[${prefixItems.map((item) => type(item, where)).join(", ")}]`;
  return `(${type(items, where)})[]`;
}

/** Fields that a schema allows without declaring them are left out: the dashboard reads declared fields only. */
function object({ properties, required = [], additionalProperties = true }, where) {
  if (!properties) return `Record<string, ${type(additionalProperties, where)}>`;
  const fields = Object.entries(properties).map(
    ([name, schema]) => `${text(name)}${required.includes(name) ? "" : "?"}: ${type(schema, `${where}.${name}`)};`,
  );
  return `{ ${fields.join(" ")} }`;
}

const { schemas } = JSON.parse(readFileSync(SOURCE, "utf8")).components;
const lines = Object.entries(schemas).map(([name, schema]) => `  ${text(name)}: ${type(schema, name)};`);
mkdirSync(join(here, "generated"), { recursive: true });
writeFileSync(join(here, "generated", "contract.ts"), `export interface Schemas {\n${lines.join("\n")}\n}\n`);
