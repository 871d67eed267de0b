import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, session, signIn, signOut } from "../api";
import { useAction, useTitle } from "../hooks";
import { useRoute } from "../router";
import { useStore } from "../store";
import type { Me } from "../types";
import { Field, Problem } from "../ui";

/** Asks for a key. The hash does not change, so a link from an e-mail opens its page after sign-in. */
export function KeyPage(): JSX.Element {
  const { notice } = useStore(session);
  const [key, setKey] = useState("");
  const [shown, setShown] = useState(false);
  const { path } = useRoute();
  const input = useRef<HTMLInputElement>(null);
  const { run, busy, error } = useAction(async () => signIn(key.trim()));
  useTitle("Sign in");
  useEffect(() => input.current?.focus(), []);
  const wrong = error instanceof ApiError && error.status === 403;
  const leads = path[0] === "alerts" && path[1] ? "The alert from your link opens next." : path[0] === "models" && path[1] ? "The model from your link opens next." : null;
  return (
    <main class="door" id="main">
      <Picture />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim()) void run().then((done) => !done && input.current?.focus());
        }}
      >
        <h1>DriftGuard</h1>
        <p class="muted">Enter an API key with the role viewer or admin. {leads}</p>
        {notice && (
          <p class="problem" role="alert">
            {notice}
          </p>
        )}
        <Field label="API key" hint="The key is kept in this tab until you close it, and is sent to this API only.">
          {(id, described) => (
            <div class="joined">
              <input
                id={id}
                ref={input}
                {...(shown ? { type: "text" as const } : { type: "password" as const })}
                value={key}
                onInput={(event) => setKey(event.currentTarget.value)}
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                required
                aria-describedby={described}
                aria-invalid={wrong}
              />
              <button type="button" onClick={() => setShown(!shown)} aria-pressed={shown}>
                {shown ? "Hide" : "Show"}
              </button>
            </div>
          )}
        </Field>
        {wrong ? (
          <p class="problem" role="alert">
            <strong>The API does not know this key.</strong> Check for typing errors. The key may also be revoked or belong to another stack.
          </p>
        ) : (
          error && <Problem error={error} what="Could not check the key." />
        )}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Checking…" : "Open"}
        </button>
      </form>
    </main>
  );
}

export function IngestOnly({ me }: { me: Me }): JSX.Element {
  useTitle("Wrong kind of key");
  return (
    <main class="door" id="main">
      <Picture />
      <div>
        <h1>This key only logs predictions</h1>
        <p>
          The key belongs to <b>{me.organization.name}</b> and has the role <b>ingest</b>, which cannot read data. To see models and alerts, use a key with the
          role viewer or admin.
        </p>
        <button type="button" class="primary" onClick={() => signOut()}>
          Use another key
        </button>
      </div>
    </main>
  );
}

function Picture(): JSX.Element {
  return (
    <svg class="picture" viewBox="0 0 320 120" aria-hidden="true">
      <path d="M0 116C70 116 84 14 130 14s60 102 130 102" class="area baseline" />
      <path d="M60 116C130 116 150 34 196 34s54 82 124 82" class="area window" />
      <path d="M163 116V40" class="guide" />
    </svg>
  );
}
