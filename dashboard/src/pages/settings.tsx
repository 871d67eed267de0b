import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { BASE, session, signOut } from "../api";
import { useResource, useTitle } from "../hooks";
import { useStore } from "../store";
import { applyTheme, theme } from "../theme";
import type { Theme } from "../theme";
import type { Health } from "../types";
import { Facts, Time } from "../ui";

const MAY = {
  viewer: "Reads all data of its organization.",
  admin: "Reads and changes all data of its organization.",
  ingest: "Logs predictions only.",
} as const;

export function SettingsPage(): JSX.Element {
  useTitle("Settings");
  const { me, key } = useStore(session);
  const health = useResource<Health>("/health", { refresh: false });
  const [chosen, setChosen] = useState<Theme>(theme());
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Settings</h1>
      </div>
      {me && (
        <section>
          <h2>This key</h2>
          <Facts
            items={[
              ["Organization", me.organization.name, me.organization.id],
              ["Role", me.role, MAY[me.role]],
              ["Key", `…${(key ?? "").slice(-4)}`, "kept in this tab until you close it"],
              ["Expires", me.expires_at ? <Time at={me.expires_at} /> : "never", me.expires_at ? "from then on the API refuses this key" : ""],
            ]}
          />
          <button type="button" onClick={() => signOut()}>
            Forget this key
          </button>
        </section>
      )}
      <section>
        <h2>Appearance</h2>
        <div class="chips" role="group" aria-label="Appearance">
          {(["system", "light", "dark"] as const).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={chosen === name}
              onClick={() => {
                applyTheme(name);
                setChosen(name);
              }}
            >
              {{ system: "System", light: "Light", dark: "Dark" }[name]}
            </button>
          ))}
        </div>
      </section>
      <section>
        <h2>Service</h2>
        <Facts
          items={[
            ["API", <a href={`${BASE}/docs`}>{BASE}</a>],
            ["Version", health.data?.version ?? "–"],
            ["Health", health.data?.status ?? (health.error ? "does not answer" : "–")],
          ]}
        />
      </section>
    </>
  );
}
