import { render } from "preact";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { changes, session, signIn, signOut, throttled, unreachable } from "./api";
import { applyTheme } from "./theme";
import { useResource } from "./hooks";
import { KeyPage, IngestOnly } from "./pages/key";
import { OverviewPage } from "./pages/overview";
import { AlertsPage } from "./pages/alerts";
import { AlertPage } from "./pages/alert";
import { ModelPage } from "./pages/model";
import { ChannelsPage } from "./pages/channels";
import { SettingsPage } from "./pages/settings";
import { to, useRoute } from "./router";
import type { Route } from "./router";
import { useStore } from "./store";
import type { Alert, AlertStatus, Me } from "./types";
import { asDocument } from "./document";
import { DocumentHead, Empty, Loading, Problem, ZONE } from "./ui";
import { ApiError } from "./api";

const SECTIONS = [
  { name: "overview", label: "Overview", paths: ["", "overview", "models"] },
  { name: "alerts", label: "Alerts", paths: ["alerts"] },
  { name: "channels", label: "Channels", paths: ["channels"] },
  { name: "settings", label: "Settings", paths: ["settings"] },
];

function App(): JSX.Element {
  const { key, me } = useStore(session);
  const route = useRoute();
  if (!key) return <KeyPage />;
  if (!me) return <Opening keyInUse={key} />;
  if (me.role === "ingest") return <IngestOnly me={me} />;
  return <Shell me={me} route={route} />;
}

/** Verifies a key kept from an earlier load before showing any page. */
function Opening({ keyInUse }: { keyInUse: string }): JSX.Element {
  const [error, setError] = useState<ApiError>();
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    setError(undefined);
    signIn(keyInUse).catch((caught: unknown) => {
      if (caught instanceof ApiError && caught.status === 403) signOut("This key is no longer accepted. It was revoked, or the stack was replaced. Enter another key.");
      else setError(caught instanceof ApiError ? caught : new ApiError(0, String(caught)));
    });
  }, [keyInUse, turn]);
  return (
    <main class="page" id="main">
      <h1 class="hidden">DriftGuard</h1>
      {error ? <Problem error={error} what="Could not check the key." retry={() => setTurn(turn + 1)} /> : <Loading rows={6} />}
    </main>
  );
}

function Shell({ me, route }: { me: Me; route: Route }): JSX.Element {
  const main = useRef<HTMLElement>(null);
  const place = route.path.join("/");
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    main.current?.querySelector("h1")?.focus({ preventScroll: true });
  }, [place]);
  const open = useOpenAlerts();
  const paper = useStore(asDocument);
  const here = route.path[0] ?? "";
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="mark" href={to()} aria-label="DriftGuard, overview">
          <Mark />
          DriftGuard
        </a>
        <nav aria-label="Main">
          {SECTIONS.map(({ name, label, paths }) => (
            <a key={name} href={to(name === "overview" ? "" : name)} aria-current={paths.includes(here) ? "page" : undefined}>
              {label}
              {name === "alerts" && open > 0 && (
                <span class="count" aria-label={`${most(open)} open`} title={`${most(open)} open: firing, acknowledged or snoozed`}>
                  {most(open)}
                </span>
              )}
            </a>
          ))}
        </nav>
        <a class="who" href={to("settings")}>
          <span>{me.organization.name}</span>
          <small>{me.role}</small>
        </a>
      </header>
      <Notices />
      <main class="page" id="main" ref={main} tabIndex={-1}>
        {paper && <DocumentHead organization={me.organization.name} />}
        <Page route={route} />
      </main>
      <footer class="foot">{/\bUTC$/.test(ZONE) ? "Times are in UTC." : `Times are in your time zone, ${ZONE}. Hover over a time to see it in UTC.`}</footer>
    </>
  );
}

const MOST = 99;
const most = (open: number): string => (open > MOST ? `${MOST}+` : String(open));

/** The number of open alerts, which equals the sum in the overview. 0 while it loads. */
function useOpenAlerts(): number {
  const counts = [useCount("firing"), useCount("acknowledged"), useCount("snoozed")];
  return counts.includes(undefined) ? 0 : counts.reduce<number>((sum, count) => sum + count!, 0);
}

function useCount(status: AlertStatus): number | undefined {
  const alerts = useResource<Alert[]>(`/drift/alerts?status=${status}&limit=${MOST + 1}`);
  const turn = useStore(changes);
  useEffect(() => {
    if (turn > 0) alerts.reload();
  }, [turn]);
  return alerts.data?.length;
}

function Page({ route: { path, query } }: { route: Route }): JSX.Element {
  const [section = "", id, part] = path;
  switch (section) {
    case "":
    case "overview":
      return <OverviewPage query={query} />;
    case "models":
      return id ? <ModelPage key={id} id={id} part={part ?? ""} query={query} /> : <OverviewPage query={query} />;
    case "alerts":
      return id ? <AlertPage key={id} id={id} query={query} /> : <AlertsPage query={query} />;
    case "channels":
      return <ChannelsPage />;
    case "settings":
      return <SettingsPage />;
    default:
      return (
        <Empty title="Page not found">
          <p>
            <a href={to()}>Go to the overview</a>
          </p>
        </Empty>
      );
  }
}

function Notices(): JSX.Element {
  const until = useStore(throttled);
  const down = useStore(unreachable);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (until === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return (
    <div aria-live="polite" class="notices">
      {until !== null && <p class="notice">The API is limiting requests. Trying again in {Math.max(1, Math.ceil((until - now) / 1000))} s.</p>}
      {down && <p class="notice bad">The API does not answer. The data shown may be out of date.</p>}
    </div>
  );
}

export function Mark(): JSX.Element {
  return (
    <svg width="26" height="20" viewBox="0 0 26 20" aria-hidden="true">
      <path d="M2 17c5 0 5-13 9-13s4 13 9 13" class="a" />
      <path d="M6 17c5 0 5-15 9-15s4 15 9 15" class="b" />
    </svg>
  );
}

applyTheme();
render(<App />, document.getElementById("app")!);
