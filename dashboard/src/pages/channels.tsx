import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { at, call, forget } from "../api";
import { plural } from "../format";
import { useAction, useAdmin, useResource, useTitle } from "../hooks";
import type { AlertType, Channel, ChannelType, Model, Severity, TestResult } from "../types";
import { Dialog, Empty, Field, Loaded, Problem, Switch, Tag, Time } from "../ui";
import { ALERT_TYPES, CHANNELS } from "../words";

const FROM: Record<Severity, string> = { LOW: "alerts of every severity", MEDIUM: "alerts of medium and high severity", HIGH: "alerts of high severity" };

export function ChannelsPage(): JSX.Element {
  useTitle("Channels");
  const admin = useAdmin();
  const channels = useResource<Channel[]>("/alert-channels?limit=500", { pages: 4 });
  const models = useResource<Model[]>("/models?limit=500", { pages: 20, refresh: false });
  const [editing, setEditing] = useState<Channel | "new" | null>(null);
  const changed = (): void => {
    forget("/alert-channels");
    channels.reload();
  };
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Channels</h1>
        {admin && channels.data && channels.data.length > 0 && (
          <button type="button" onClick={() => setEditing("new")}>
            New channel
          </button>
        )}
      </div>
      <Loaded of={channels} what="the channels" rows={4}>
        {(found) =>
          found.length === 0 ? (
            <Empty title="No channels yet">
              <p>Alerts appear on this page, but no messages are sent. {admin ? "Add an e-mail, Slack, Teams, PagerDuty or webhook channel." : "Ask somebody with an admin key to add a channel."}</p>
              {admin && (
                <button type="button" class="primary" onClick={() => setEditing("new")}>
                  New channel
                </button>
              )}
            </Empty>
          ) : (
            <ul class="cards">
              {found.map((channel) => (
                <ChannelCard key={channel.id} channel={channel} models={models.data} admin={admin} edit={() => setEditing(channel)} changed={changed} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {editing && <Editor channel={editing === "new" ? null : editing} models={models.data ?? []} onClose={() => setEditing(null)} changed={changed} />}
    </>
  );
}

const target = (channel: Channel): string =>
  channel.to?.join(", ") ?? channel.webhook_url ?? channel.url ?? (channel.region ? `Integration key ${channel.routing_key ?? ""}, region ${channel.region.toUpperCase()}` : "");

/** The field with each channel type's address. The API masks these fields because they are secrets. */
const REACHED: Record<Exclude<ChannelType, "email">, { field: "webhook_url" | "url" | "routing_key"; label: string; hint: string }> = {
  slack: { field: "webhook_url", label: "Incoming webhook URL", hint: "Copy the URL from your Slack app's settings. DriftGuard never shows it again." },
  teams: { field: "webhook_url", label: "Workflow URL", hint: "Create a Teams workflow that posts each webhook request, and copy its URL. DriftGuard never shows it again." },
  pagerduty: { field: "routing_key", label: "Integration key", hint: "Copy the key of your service's Events API v2 integration. It has 32 letters and digits." },
  webhook: { field: "url", label: "URL", hint: "DriftGuard sends a POST request for each message. The URL must use HTTPS and a public address." },
};

function ChannelCard({ channel, models, admin, edit, changed }: { channel: Channel; models: Model[] | undefined; admin: boolean; edit: () => void; changed: () => void }): JSX.Element {
  const [removing, setRemoving] = useState(false);
  const [arrived, setArrived] = useState<string | null>(null);
  const test = useAction(async () => {
    setArrived(null);
    const { data } = await call<TestResult>("POST", at`/alert-channels/${channel.id}/test`);
    setArrived(data.delivered ? "The test message was delivered." : `The test message was not delivered. ${data.detail ?? ""}`);
  });
  const toggle = useAction(async (enabled: boolean) => {
    await call("PATCH", at`/alert-channels/${channel.id}`, { body: { enabled } });
    changed();
  });
  const remove = useAction(async () => {
    await call("DELETE", at`/alert-channels/${channel.id}`);
    setRemoving(false);
    changed();
  });
  const unhealthy = channel.health?.status === "unhealthy";
  const names = channel.model_ids?.map((id) => models?.find((model) => model.id === id)?.name ?? "a deleted model");
  return (
    <li class={`card ${channel.enabled ? "" : "off"}`}>
      <div class="body">
        <h2>{channel.name}</h2>
        <p class="tags">
          <span class="tag outline">{CHANNELS[channel.type]}</span>
          {unhealthy && <Tag tone="bad">Unhealthy</Tag>}
          {!channel.enabled && <Tag tone="quiet">Off</Tag>}
        </p>
        <p class="target">{target(channel)}</p>
        <p class="muted">
          Receives {FROM[channel.min_severity]}
          {channel.alert_types && ` (${channel.alert_types.map((type) => ALERT_TYPES[type].toLowerCase()).join(", ")})`} from {names ? (names.length > 3 ? plural(names.length, "model") : names.join(", ")) : "all models"}.
        </p>
        {unhealthy && (
          <p class="bad">
            {channel.health?.reason ?? "The last messages were not delivered."}{" "}
            {channel.health?.since && (
              <>
                (since <Time at={channel.health.since} />)
              </>
            )}
          </p>
        )}
      </div>
      {admin && (
        <div class="actions">
          <Switch label="On" checked={channel.enabled} onChange={(value) => void toggle.run(value)} disabled={toggle.busy} />
          <button type="button" class="small" onClick={() => void test.run().then(changed)} disabled={test.busy}>
            {test.busy ? "Sending…" : "Send a test"}
            <span class="hidden"> to {channel.name}</span>
          </button>
          <button type="button" class="small" onClick={edit}>
            Edit<span class="hidden"> {channel.name}</span>
          </button>
          <button type="button" class="small" onClick={() => setRemoving(true)}>
            Delete<span class="hidden"> {channel.name}</span>
          </button>
        </div>
      )}
      <div role="status">{arrived && <p class="said">{arrived}</p>}</div>
      {test.error && <Problem error={test.error} what="The test message was not delivered." />}
      {toggle.error && <Problem error={toggle.error} what="The change was not saved." />}
      {removing && (
        <Dialog title="Delete this channel?" onClose={() => setRemoving(false)}>
          <p>
            <b>{channel.name}</b> will receive no more messages, including messages that open alerts were resolved.
          </p>
          {remove.error && <Problem error={remove.error} what="The channel was not deleted." />}
          <footer>
            <button type="button" onClick={() => setRemoving(false)}>
              Cancel
            </button>
            <button type="button" class="dangerous" disabled={remove.busy} onClick={() => void remove.run()}>
              Delete
            </button>
          </footer>
        </Dialog>
      )}
    </li>
  );
}

function Editor({ channel, models, onClose, changed }: { channel: Channel | null; models: Model[]; onClose: () => void; changed: () => void }): JSX.Element {
  const [type, setType] = useState<ChannelType>(channel?.type ?? "email");
  const [name, setName] = useState(channel?.name ?? "");
  const [to, setTo] = useState(channel?.to?.join("\n") ?? "");
  const [address, setAddress] = useState("");
  const [secret, setSecret] = useState("");
  const [region, setRegion] = useState<"us" | "eu">(channel?.region ?? "us");
  const [severity, setSeverity] = useState<Severity>(channel?.min_severity ?? "MEDIUM");
  const [some, setSome] = useState<string[] | null>(channel?.model_ids ?? null);
  const [types, setTypes] = useState<AlertType[] | null>(channel?.alert_types ?? null);
  const { run, busy, error } = useAction(async () => {
    const body: Record<string, unknown> = { type, min_severity: severity };
    if (name.trim() !== (channel?.name ?? "")) body.name = name.trim() || null;
    if (type === "email") body.to = to.split(/[\s,;]+/).filter(Boolean);
    else if (address.trim()) body[REACHED[type].field] = address.trim();
    if (type === "webhook" && secret) body.secret = secret;
    if (type === "pagerduty") body.region = region;
    if (channel || some) body.model_ids = some;
    if (channel || types) body.alert_types = types;
    if (!channel && body.name === null) delete body.name;
    await call(channel ? "PATCH" : "POST", channel ? at`/alert-channels/${channel.id}` : "/alert-channels", { body });
    changed();
    onClose();
  });
  return (
    <Dialog title={channel ? `Edit ${channel.name}` : "New channel"} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        {!channel && (
          <div class="chips" role="group" aria-label="Channel type">
            {(Object.keys(CHANNELS) as ChannelType[]).map((kind) => (
              <button
                key={kind}
                type="button"
                aria-pressed={type === kind}
                onClick={() => {
                  setType(kind);
                  setAddress("");
                }}
              >
                {CHANNELS[kind]}
              </button>
            ))}
          </div>
        )}
        <Field label="Name">{(id) => <input id={id} value={name} maxLength={128} onInput={(event) => setName(event.currentTarget.value)} placeholder="ML platform on-call" />}</Field>
        {type === "email" && (
          <Field label="To" hint="Enter one address per line, at most 50. Each address receives its own message.">
            {(id, described) => <textarea id={id} aria-describedby={described} rows={3} required value={to} onInput={(event) => setTo(event.currentTarget.value)} />}
          </Field>
        )}
        {type !== "email" && (
          <Field label={REACHED[type].label} hint={channel ? `Leave empty to keep ${target(channel)}` : REACHED[type].hint}>
            {(id, described) => (
              <input
                id={id}
                aria-describedby={described}
                {...(type === "pagerduty" ? { type: "text" as const } : { type: "url" as const })}
                required={!channel}
                value={address}
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => setAddress(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        {type === "pagerduty" && (
          <Field label="Region">
            {(id) => (
              <select id={id} value={region} onChange={(event) => setRegion(event.currentTarget.value as "us" | "eu")}>
                <option value="us">US</option>
                <option value="eu">EU</option>
              </select>
            )}
          </Field>
        )}
        {type === "webhook" && (
          <Field label="Secret" hint={channel?.secret ? "Leave empty to keep the current secret." : "DriftGuard signs each message with the secret, so that you can verify the sender."}>
            {(id, described) => <input id={id} aria-describedby={described} type="password" autocomplete="off" value={secret} onInput={(event) => setSecret(event.currentTarget.value)} />}
          </Field>
        )}
        <Field label="Severity">
          {(id) => (
            <select id={id} value={severity} onChange={(event) => setSeverity(event.currentTarget.value as Severity)}>
              <option value="LOW">Every severity</option>
              <option value="MEDIUM">Medium and high</option>
              <option value="HIGH">High only</option>
            </select>
          )}
        </Field>
        <fieldset class="field">
          <legend>Alert types</legend>
          <label class="check">
            <input type="radio" name="types" checked={types === null} onChange={() => setTypes(null)} /> All types
          </label>
          <label class="check">
            <input type="radio" name="types" checked={types !== null} onChange={() => setTypes(types ?? [])} /> Selected types
          </label>
          {types !== null && (
            <div class="list">
              {(Object.keys(ALERT_TYPES) as AlertType[]).map((type) => (
                <label key={type} class="check">
                  <input
                    type="checkbox"
                    checked={types.includes(type)}
                    onChange={(event) => setTypes(event.currentTarget.checked ? [...types, type] : types.filter((one) => one !== type))}
                  />{" "}
                  {ALERT_TYPES[type]}
                </label>
              ))}
            </div>
          )}
        </fieldset>
        <fieldset class="field">
          <legend>Models</legend>
          <label class="check">
            <input type="radio" name="models" checked={some === null} onChange={() => setSome(null)} /> All models, including future ones
          </label>
          <label class="check">
            <input type="radio" name="models" checked={some !== null} onChange={() => setSome(some ?? [])} /> Selected models
          </label>
          {some !== null && (
            <div class="list">
              {models.map((model) => (
                <label key={model.id} class="check">
                  <input
                    type="checkbox"
                    checked={some.includes(model.id)}
                    onChange={(event) => setSome(event.currentTarget.checked ? [...some, model.id] : some.filter((id) => id !== model.id))}
                  />{" "}
                  {model.name}
                </label>
              ))}
            </div>
          )}
        </fieldset>
        {error && <Problem error={error} what="The channel was not saved." />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy || some?.length === 0 || types?.length === 0}>
            {channel ? "Save" : "Add channel"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
