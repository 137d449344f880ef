// Made by `vedette docs` from the server's route table: `make docs` writes it anew.
import type * as records from "./records.js";

/** What the server said instead of doing what it was asked. `problem` is null when it did not say it as JSON. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: records.Problem | null,
    message: string,
  ) {
    super(message);
  }
}

export interface Page<T> {
  items: T[];
  /** null: this is the last page */
  next_cursor: string | null;
}

type Names<List extends string> = List extends `${infer First},${infer Rest}` ? First | Names<Rest> : List;

/** What a list's items have where `fields` asks for some alone; where it is not known which, each may be left out. */
export type Chosen<T, Fields extends string> = [Fields] extends [never]
  ? T
  : string extends Fields
    ? Partial<T>
    : Pick<T, Names<Fields> & keyof T>;

/** What one call may say besides. Headers, for instance: If-Match, Idempotency-Key. */
export interface Call {
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** Is told of the answer, also of one that is thrown: its ETag for If-Match, Retry-After. */
  onResponse?: (response: Pick<Response, "status" | "headers">) => void;
}

export interface ClientOptions {
  /** Where the server is; its paths are taken relative to this. */
  baseUrl: string;
  /** The access token; without it a browser's cookie counts. */
  token?: () => string | null;
  /** In place of the browser's own, as to add a CSRF token and to renew a login. */
  fetch?: (address: URL, init: RequestInit) => Promise<Response>;
}

type Query = Record<string, string | number | boolean | undefined>;

async function failure(response: Response): Promise<ApiError> {
  let problem: records.Problem | null = null;
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json"))
    problem = (await response.json()) as records.Problem;
  return new ApiError(response.status, problem, problem?.detail ?? `${response.status} ${response.statusText}`);
}

export class Client {
  constructor(private readonly options: ClientOptions) {}

  private async send(method: string, path: string, query: Query, body: unknown, call: Call): Promise<Response> {
    const address = new URL(path.slice(1), this.options.baseUrl.replace(/\/?$/, "/"));
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) address.searchParams.set(name, String(value));
    const headers = new Headers(call.headers);
    const token = this.options.token?.();
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const isLines = typeof body === "string";
    if (body !== undefined) headers.set("Content-Type", isLines ? "application/x-ndjson" : "application/json");
    const init: RequestInit = { method, headers, credentials: "same-origin", signal: call.signal ?? null };
    if (body !== undefined) init.body = isLines ? body : JSON.stringify(body);
    const response = await (this.options.fetch ?? fetch)(address, init);
    call.onResponse?.(response);
    if (!response.ok) throw await failure(response);
    return response;
  }

  /** Whether the server is healthy, degraded or unhealthy (then 503); with a login also its parts, and of cameras what decodes and what detects. */
  async getHealth(call: Call = {}): Promise<records.Health> {
    return (await this.send("GET", `/health`, {}, undefined, call)).json();
  }

  /** 200 while the process answers. */
  async getLiveness(call: Call = {}): Promise<records.Status> {
    return (await this.send("GET", `/health/live`, {}, undefined, call)).json();
  }

  /** 200 when records can be stored, policies are known and nothing of the start waits for the store any more, else 503. */
  async getReadiness(call: Call = {}): Promise<records.Status> {
    return (await this.send("GET", `/health/ready`, {}, undefined, call)).json();
  }

  /** Counters and gauges for Prometheus; needs a login, or the scrape token (metrics_token) as Authorization: Bearer. */
  async getMetrics(call: Call = {}): Promise<Response> {
    return await this.send("GET", `/metrics`, {}, undefined, call);
  }

  /** What waits in the spool to be stored: of the login's org. */
  async getQueueStats(call: Call = {}): Promise<records.QueueStats> {
    return (await this.send("GET", `/queue/stats`, {}, undefined, call)).json();
  }

  /** The same, for a login alone. */
  async getQueue(call: Call = {}): Promise<records.QueueStats> {
    return (await this.send("GET", `/api/v1/queue`, {}, undefined, call)).json();
  }

  /** Logs in with username and password. API clients get a bearer token; browsers (client: browser) get cookies and a CSRF token. */
  async login(body: records.LoginRequest, call: Call = {}): Promise<records.LoginResponse> {
    return (await this.send("POST", `/auth/login`, {}, body, call)).json();
  }

  /** Which ways lead in here beside POST /auth/login. */
  async getLoginWays(call: Call = {}): Promise<records.LoginWays> {
    return (await this.send("GET", `/auth/ways`, {}, undefined, call)).json();
  }

  /** Renews a browser's login. Each refresh token is good once; one that is used again ends the login. */
  async refresh(body: records.RefreshRequest, call: Call = {}): Promise<records.LoginResponse> {
    return (await this.send("POST", `/auth/refresh`, {}, body, call)).json();
  }

  /** Ends the login. */
  async logout(call: Call = {}): Promise<void> {
    await this.send("POST", `/auth/logout`, {}, undefined, call);
  }

  /** Whose login this is, and the CSRF token of a browser's. */
  async getMe(call: Call = {}): Promise<records.Me> {
    return (await this.send("GET", `/auth/me`, {}, undefined, call)).json();
  }

  /** Changes one's own password and ends one's other logins. */
  async changePassword(body: records.PasswordRequest, call: Call = {}): Promise<void> {
    await this.send("POST", `/auth/password`, {}, body, call);
  }

  /** One's own logins that stand, newest first; for administrators, the org's. */
  async listSessions<Fields extends string = never>(query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.SessionView, Fields>>> {
    return (await this.send("GET", `/auth/sessions`, query, undefined, call)).json();
  }

  /** Ends a login at once: one's own, or as an administrator that of anyone whose role is not above one's own. */
  async endSession(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/auth/sessions/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** Every camera with online, health, and its lines and zones with the counts of today (UTC). */
  async listCameras<Fields extends string = never>(query: { site_id?: string; class_id?: string; name?: string; enabled?: "true" | "false"; online?: "true" | "false"; managed_by?: "file" | "api"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.CameraView, Fields>>> {
    return (await this.send("GET", `/api/v1/cameras`, query, undefined, call)).json();
  }

  /** One camera, as in the list, with its ETag. */
  async getCamera(id: string, call: Call = {}): Promise<records.CameraView> {
    return (await this.send("GET", `/api/v1/cameras/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** How a camera is, as its worker last told; its state is starting until it did. */
  async getCameraHealth(id: string, call: Call = {}): Promise<records.CameraHealth> {
    return (await this.send("GET", `/api/v1/cameras/${encodeURIComponent(id)}/health`, {}, undefined, call)).json();
  }

  /** A new camera, watched from now on and after each restart. It gets its id; 409 when its name is taken, or there are as many as managed_cameras allows. */
  async createCamera(body: records.CameraRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.CameraView> {
    return (await this.send("POST", `/api/v1/cameras`, query, body, call)).json();
  }

  /** Changes what is given (RFC 7396); other cameras lose no frame by it. A login that is left out stays, but goes with the host it was given for; an empty one is removed. 409: the server's settings say what this camera is, or a policy keeps what it saw for longer than those of its new site or class would. */
  async patchCamera(id: string, body: records.CameraChangeInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.CameraView> {
    return (await this.send("PATCH", `/api/v1/cameras/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** Removes it; what was seen by it stays for as long as it is kept. 409: policies are of it, one of its site or class keeps what it saw for longer than it would be then, or the server's settings say what it is. */
  async deleteCamera(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/cameras/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** Opens a source as a camera's would be, and tells what came: at the first picture, the first failure or after managed_cameras.test_seconds. */
  async testSource(body: records.CameraTestRequest, call: Call = {}): Promise<records.CameraTest> {
    return (await this.send("POST", `/api/v1/cameras/test`, {}, body, call)).json();
  }

  /** The same with what is known of a camera, by a connection beside the one that there may be; 503 while an operator holds its circuit breaker open. */
  async testCamera(id: string, call: Call = {}): Promise<records.CameraTest> {
    return (await this.send("POST", `/api/v1/cameras/${encodeURIComponent(id)}/test`, {}, undefined, call)).json();
  }

  /** The latest picture, with X-Frame-Number and X-Captured-At; 503 while there is none. Figures are hidden; where a policy hides none, or the camera cannot be told what its policies come to, only a privacy officer or above sees it (else 403), and the audit tells who. */
  async getPreview(id: string, call: Call = {}): Promise<Response> {
    return await this.send("GET", `/api/v1/cameras/${encodeURIComponent(id)}/preview.jpg`, {}, undefined, call);
  }

  /** The lines of all cameras, with the counts of today (UTC). */
  async listLines<Fields extends string = never>(query: { camera_id?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.PlacedLine, Fields>>> {
    return (await this.send("GET", `/api/v1/lines`, query, undefined, call)).json();
  }

  /** The zones of all cameras, with the counts of today (UTC). */
  async listZones<Fields extends string = never>(query: { camera_id?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.PlacedZone, Fields>>> {
    return (await this.send("GET", `/api/v1/zones`, query, undefined, call)).json();
  }

  /** The zones of a camera; /api/v1/zones has them with their counts. */
  async listCameraZones<Fields extends string = never>(id: string, query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Zone, Fields>>> {
    return (await this.send("GET", `/api/v1/cameras/${encodeURIComponent(id)}/zones`, query, undefined, call)).json();
  }

  /** A new zone, in force from the camera's next frame on. */
  async createZone(id: string, body: records.ZoneInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Zone> {
    return (await this.send("POST", `/api/v1/cameras/${encodeURIComponent(id)}/zones`, query, body, call)).json();
  }

  /** One zone, with its ETag. */
  async getZone(id: string, zone_id: string, call: Call = {}): Promise<records.Zone> {
    return (await this.send("GET", `/api/v1/cameras/${encodeURIComponent(id)}/zones/${encodeURIComponent(zone_id)}`, {}, undefined, call)).json();
  }

  /** Sets a zone, in force from the camera's next frame on; what was counted stays. */
  async putZone(id: string, zone_id: string, body: records.ZoneInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Zone> {
    return (await this.send("PUT", `/api/v1/cameras/${encodeURIComponent(id)}/zones/${encodeURIComponent(zone_id)}`, query, body, call)).json();
  }

  /** Removes a zone; what was counted by it stays. */
  async deleteZone(id: string, zone_id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/cameras/${encodeURIComponent(id)}/zones/${encodeURIComponent(zone_id)}`, query, undefined, call);
  }

  /** The lines of a camera; /api/v1/lines has them with their counts. */
  async listCameraLines<Fields extends string = never>(id: string, query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Line, Fields>>> {
    return (await this.send("GET", `/api/v1/cameras/${encodeURIComponent(id)}/lines`, query, undefined, call)).json();
  }

  /** A new line, in force from the camera's next frame on. */
  async createLine(id: string, body: records.LineInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Line> {
    return (await this.send("POST", `/api/v1/cameras/${encodeURIComponent(id)}/lines`, query, body, call)).json();
  }

  /** One line, with its ETag. */
  async getLine(id: string, line_id: string, call: Call = {}): Promise<records.Line> {
    return (await this.send("GET", `/api/v1/cameras/${encodeURIComponent(id)}/lines/${encodeURIComponent(line_id)}`, {}, undefined, call)).json();
  }

  /** Sets a line, in force from the camera's next frame on; what was counted stays. */
  async putLine(id: string, line_id: string, body: records.LineInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Line> {
    return (await this.send("PUT", `/api/v1/cameras/${encodeURIComponent(id)}/lines/${encodeURIComponent(line_id)}`, query, body, call)).json();
  }

  /** Removes a line; what was counted by it stays. */
  async deleteLine(id: string, line_id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/cameras/${encodeURIComponent(id)}/lines/${encodeURIComponent(line_id)}`, query, undefined, call);
  }

  /** The circuit breakers of the org's cameras, and of the upstreams that all share. */
  async listBreakers<Fields extends string = never>(query: { state?: string; is_camera?: "true" | "false"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.BreakerView, Fields>>> {
    return (await this.send("GET", `/api/v1/breakers`, query, undefined, call)).json();
  }

  /** Forces a breaker open or closed, disables it, or lets it decide again, until the server starts anew. A camera's is its id (202: its worker is told); an upstream's is its name, as upstream:store, which all orgs share and who runs the server forces; upstream:webhook:ID and upstream:mqtt:ID are their orgs' alone. */
  async forceBreaker(id: string, body: records.BreakerRequest, call: Call = {}): Promise<records.BreakerView> {
    return (await this.send("PUT", `/api/v1/breakers/${encodeURIComponent(id)}`, {}, body, call)).json();
  }

  /** Stored events, newest first. */
  async listEvents<Fields extends string = never>(query: { camera_id?: string; type?: "signal" | "zone_hit" | "line_crossing" | "occupancy" | "track_chunk"; subject_id?: string; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.AnalyticsEvent, Fields>>> {
    return (await this.send("GET", `/api/v1/events`, query, undefined, call)).json();
  }

  /** One event, by its id; where events of several cameras have it, the first that came. */
  async getEvent(id: string, query: { camera_id?: string } = {}, call: Call = {}): Promise<records.AnalyticsEvent> {
    return (await this.send("GET", `/api/v1/events/${encodeURIComponent(id)}`, query, undefined, call)).json();
  }

  /** Events from elsewhere, one JSON object a line (application/x-ndjson), of the org's cameras. Each line is taken or refused by itself; what is taken is kept on disk before this answers. Sending one again does no harm: its id says that it is the same. */
  async sendEvents(body: string, call: Call = {}): Promise<records.Intake> {
    return (await this.send("POST", `/api/v1/events`, {}, body, call)).json();
  }

  /** What rules raised, newest first. */
  async listSignals<Fields extends string = never>(query: { camera_id?: string; subject_id?: string; service?: "antitheft" | "education" | "safety" | "occupancy" | "identity" | "vehicles" | "system"; kind?: string; severity?: "info" | "low" | "medium" | "high" | "critical"; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Signal, Fields>>> {
    return (await this.send("GET", `/api/v1/signals`, query, undefined, call)).json();
  }

  /** One signal, by its id; where signals of several cameras have it, the first that came. */
  async getSignal(id: string, query: { camera_id?: string } = {}, call: Call = {}): Promise<records.Signal> {
    return (await this.send("GET", `/api/v1/signals/${encodeURIComponent(id)}`, query, undefined, call)).json();
  }

  /** Counts by hour, day or month, newest first. */
  async listOccupancy<Fields extends string = never>(query: { level?: "hour" | "day" | "month"; camera_id?: string; subject_id?: string; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.OccupancyHourly, Fields>>> {
    return (await this.send("GET", `/api/v1/occupancy`, query, undefined, call)).json();
  }

  /** The server's jobs and how they stand; what they did, to whom runs the server. */
  async listJobs<Fields extends string = never>(query: { last_state?: "running" | "done" | "failed" | "skipped" | "cancelled"; is_paused?: "true" | "false"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Job, Fields>>> {
    return (await this.send("GET", `/api/v1/jobs`, query, undefined, call)).json();
  }

  /** What became of a job's times, newest first: run, or skipped and why; what was done, to whom runs the server. */
  async listJobRuns<Fields extends string = never>(id: string, query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.JobRun, Fields>>> {
    return (await this.send("GET", `/api/v1/jobs/${encodeURIComponent(id)}/history`, query, undefined, call)).json();
  }

  /** When a job is due next. */
  async listJobTimes(id: string, query: { count?: number } = {}, call: Call = {}): Promise<records.Times> {
    return (await this.send("GET", `/api/v1/jobs/${encodeURIComponent(id)}/next`, query, undefined, call)).json();
  }

  /** Runs a job now, also a paused one; 409 while it runs. Where there are other orgs, for the platform alone. */
  async runJob(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<records.Scheduled> {
    return (await this.send("POST", `/api/v1/jobs/${encodeURIComponent(id)}/run`, query, undefined, call)).json();
  }

  /** From now on no server runs the job by its schedule. Where there are other orgs, for the platform alone. */
  async pauseJob(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("POST", `/api/v1/jobs/${encodeURIComponent(id)}/pause`, query, undefined, call);
  }

  /** From now on it is again. */
  async resumeJob(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("POST", `/api/v1/jobs/${encodeURIComponent(id)}/resume`, query, undefined, call);
  }

  /** Of each table and camera, how long it is kept and the oldest that is there. */
  async listRetention<Fields extends string = never>(query: { rows?: boolean; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Retention, Fields>>> {
    return (await this.send("GET", `/api/v1/retention`, query, undefined, call)).json();
  }

  /** The clock is right: retention that was stopped by a jump goes on. Where there are other orgs, for the platform alone. */
  async confirmClock(query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("POST", `/api/v1/retention/confirm-clock`, query, undefined, call);
  }

  /** Holds that stand and that ended, newest first. */
  async listLegalHolds<Fields extends string = never>(query: { camera_id?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.LegalHold, Fields>>> {
    return (await this.send("GET", `/api/v1/legal-holds`, query, undefined, call)).json();
  }

  /** Keeps what retention would delete. */
  async createLegalHold(body: records.LegalHoldRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.LegalHold> {
    return (await this.send("POST", `/api/v1/legal-holds`, query, body, call)).json();
  }

  /** Ends a hold. */
  async releaseLegalHold(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/legal-holds/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** Who did what, when, from where, before and after, newest first. */
  async listAudit<Fields extends string = never>(query: { before?: number; cursor?: string; actor_id?: string; subject_kind?: "camera" | "user" | "login" | "job" | "policy" | "legal_hold" | "employee" | "material" | "retention" | "site" | "org" | "breaker" | "token" | "incident" | "violation" | "shift" | "vehicle" | "endpoint" | "server"; subject_id?: string; action?: string; from?: string; to?: string; limit?: number; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Audit, Fields>>> {
    return (await this.send("GET", `/api/v1/audit`, query, undefined, call)).json();
  }

  /** Looks at the whole chain for entries that were edited, removed or moved. */
  async verifyAudit(call: Call = {}): Promise<records.AuditVerification> {
    return (await this.send("GET", `/api/v1/audit/verify`, {}, undefined, call)).json();
  }

  /** What is in force for the org, or for the camera, class or site of the query; defaults filled in. */
  async getPoliciesInForce(query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string } = {}, call: Call = {}): Promise<records.PoliciesInForce> {
    return (await this.send("GET", `/policies`, query, undefined, call)).json();
  }

  /** Every policy of the org, and those that hold for everyone. */
  async listPolicies<Fields extends string = never>(query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.PolicyAnswer, Fields>>> {
    return (await this.send("GET", `/api/v1/policies`, query, undefined, call)).json();
  }

  /** The document of one type at one level: of a site, class or camera, of everyone, or of the org. */
  async getPolicy(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string } = {}, call: Call = {}): Promise<records.PolicyAnswer> {
    return (await this.send("GET", `/api/v1/policies/${encodeURIComponent(type)}`, query, undefined, call)).json();
  }

  /** Sets it; one that says what stands already makes no revision. If-Match with its ETag refuses to overwrite what someone else changed, If-None-Match: * whatever is there. */
  async putPolicy(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", body: object, query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string; reason?: string } = {}, call: Call = {}): Promise<records.PolicyChange> {
    return (await this.send("PUT", `/api/v1/policies/${encodeURIComponent(type)}`, query, body, call)).json();
  }

  /** Changes some keys (RFC 7396): null removes this level's key, so that its parent shows through. */
  async patchPolicy(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", body: object, query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string; reason?: string } = {}, call: Call = {}): Promise<records.PolicyChange> {
    return (await this.send("PATCH", `/api/v1/policies/${encodeURIComponent(type)}`, query, body, call)).json();
  }

  /** Removes it: its parents hold. */
  async deletePolicy(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string; reason?: string } = {}, call: Call = {}): Promise<records.PolicyChange> {
    return (await this.send("DELETE", `/api/v1/policies/${encodeURIComponent(type)}`, query, undefined, call)).json();
  }

  /** What the levels come to, and for each key the level, revision and overlay it came from. */
  async getEffectivePolicy(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string } = {}, call: Call = {}): Promise<records.PolicyEffective> {
    return (await this.send("GET", `/api/v1/policies/${encodeURIComponent(type)}/effective`, query, undefined, call)).json();
  }

  /** Its changes, newest first: who, when, why, what. */
  async listPolicyRevisions<Fields extends string = never>(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.PolicyRevision, Fields>>> {
    return (await this.send("GET", `/api/v1/policies/${encodeURIComponent(type)}/history`, query, undefined, call)).json();
  }

  /** As it was at to_version: a new revision. */
  async rollBackPolicy(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string; reason?: string; to_version: number }, call: Call = {}): Promise<records.PolicyChange> {
    return (await this.send("POST", `/api/v1/policies/${encodeURIComponent(type)}/rollback`, query, undefined, call)).json();
  }

  /** Whether a document would be taken, and what it would change; nothing is changed. */
  async validatePolicy(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", body: object, query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; service_name?: string; reason?: string } = {}, call: Call = {}): Promise<records.PolicyChange> {
    return (await this.send("POST", `/api/v1/policies/${encodeURIComponent(type)}/validate`, query, body, call)).json();
  }

  /** A change by signed webhook (Standard Webhooks; policies.webhook_secrets). */
  async changePolicyByWebhook(body: records.PolicyWebhookInput, call: Call = {}): Promise<records.PolicyChange> {
    return (await this.send("POST", `/webhooks/policies`, {}, body, call)).json();
  }

  /** Tries a document on stored tracks: the signals that it would have raised, and the incidents that it would have opened, beside those of the policies in force. Location says where to look. */
  async startBacktest(type: "privacy" | "detection" | "motion" | "recording" | "retention" | "notify" | "antitheft" | "safety" | "education" | "occupancy" | "identity" | "attendance" | "vehicles", body: object, query: { scope?: "org" | "global"; site_id?: string; class_id?: string; camera_id?: string; from: string; to: string }, call: Call = {}): Promise<records.Backtest> {
    return (await this.send("POST", `/api/v1/policies/${encodeURIComponent(type)}/backtest`, query, body, call)).json();
  }

  /** How a try stands and, once it is over, what came of it. A key that is held to cameras is told of those of its cameras alone. */
  async getBacktest(id: string, call: Call = {}): Promise<records.Backtest> {
    return (await this.send("GET", `/api/v1/backtests/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** The same messages as server-sent events. Last-Event-ID, as browsers send it, is resume_from. */
  async streamEvents(query: { types?: string; cameras?: string; resume_from?: string } = {}, call: Call = {}): Promise<Response> {
    return await this.send("GET", `/api/v1/events/stream`, query, undefined, call);
  }

  /** All of this as OpenAPI 3.0.3, from which clients can be made. */
  async getOpenapi(call: Call = {}): Promise<Response> {
    return await this.send("GET", `/openapi.json`, {}, undefined, call);
  }

  /** The same as a page for people. */
  async getDocs(call: Call = {}): Promise<Response> {
    return await this.send("GET", `/docs`, {}, undefined, call);
  }

  /** How that page looks. */
  async getDocsStyle(call: Call = {}): Promise<Response> {
    return await this.send("GET", `/docs/style.css`, {}, undefined, call);
  }

  /** What is in a picture, feature by feature. As multipart/form-data the picture is the part frame, and the other parts are named as the keys of the JSON; a list or an object is JSON there too (docs/detect.md). */
  async detect(body: records.DetectRequest, call: Call = {}): Promise<records.DetectResponse> {
    return (await this.send("POST", `/api/detect`, {}, body, call)).json();
  }

  /** Every org, for the platform; one's own, for everyone else. */
  async listOrgs<Fields extends string = never>(query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Org, Fields>>> {
    return (await this.send("GET", `/api/v1/orgs`, query, undefined, call)).json();
  }

  /** One org, with its ETag: one's own, or, for the platform, any. */
  async getOrg(id: string, call: Call = {}): Promise<records.Org> {
    return (await this.send("GET", `/api/v1/orgs/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** A new org. */
  async createOrg(body: records.OrgRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Org> {
    return (await this.send("POST", `/api/v1/orgs`, query, body, call)).json();
  }

  /** Gives an org another name: one's own, or, for the platform, any. 409 once it was deleted. */
  async patchOrg(id: string, body: records.OrgChangeRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Org> {
    return (await this.send("PATCH", `/api/v1/orgs/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** Closes another org, for good, and erases everything of it in the background; its row then says what went (erased) and when nothing was left (erased_at). 409 while it has cameras, a legal hold stands or one of its retention policies says legal_hold. */
  async deleteOrg(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/orgs/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** The org's sites, by id. */
  async listSites<Fields extends string = never>(query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Site, Fields>>> {
    return (await this.send("GET", `/api/v1/sites`, query, undefined, call)).json();
  }

  /** A new site. Its time zone says where its days and months begin. */
  async createSite(body: records.SiteRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Site> {
    return (await this.send("POST", `/api/v1/sites`, query, body, call)).json();
  }

  /** One site, with its ETag. */
  async getSite(id: string, call: Call = {}): Promise<records.Site> {
    return (await this.send("GET", `/api/v1/sites/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** Sets its name and time zone. What was counted before stays by the old one. */
  async putSite(id: string, body: records.SiteChangeRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Site> {
    return (await this.send("PUT", `/api/v1/sites/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** Removes it; 409 while cameras, classes or policies are of it. */
  async deleteSite(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/sites/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** What the server and its workers logged as errors since it began, by what they have in common, the latest first: 256 groups at most, of which the quietest makes room. */
  async listErrors<Fields extends string = never>(query: { module?: string; is_of_worker?: "true" | "false"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.ErrorGroup, Fields>>> {
    return (await this.send("GET", `/api/v1/errors`, query, undefined, call)).json();
  }

  /** What the server logs. */
  async getLogLevels(call: Call = {}): Promise<records.LogLevels> {
    return (await this.send("GET", `/api/v1/log-levels`, {}, undefined, call)).json();
  }

  /** Changes what the server and its workers log, until it starts anew. */
  async setLogLevels(body: records.LogLevelsInput, call: Call = {}): Promise<records.LogLevels> {
    return (await this.send("PUT", `/api/v1/log-levels`, {}, body, call)).json();
  }

  /** Sends the browser to the OpenID Connect issuer (authorization code flow with PKCE); where that fails, who takes text/html goes back to the page, which says so. */
  async beginOidcLogin(call: Call = {}): Promise<void> {
    await this.send("GET", `/auth/oidc/login`, {}, undefined, call);
  }

  /** Where the issuer sends the browser back to: logs in and goes to the page, as does who is not let in and takes text/html, and is told there. What else the issuer adds to the query is passed over (RFC 6749 section 4.1.2). */
  async endOidcLogin(query: { code?: string; state?: string; error?: string; error_description?: string; error_uri?: string; iss?: string; session_state?: string; scope?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("GET", `/auth/oidc/callback`, query, undefined, call);
  }

  /** The org's users, by name. */
  async listUsers<Fields extends string = never>(query: { username?: string; role?: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform"; is_disabled?: "true" | "false"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.User, Fields>>> {
    return (await this.send("GET", `/api/v1/users`, query, undefined, call)).json();
  }

  /** A new user, with a password that is to be changed at the first login. */
  async createUser(body: records.NewUserRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.UserAnswer> {
    return (await this.send("POST", `/api/v1/users`, query, body, call)).json();
  }

  /** One user, with its ETag. */
  async getUser(id: string, call: Call = {}): Promise<records.User> {
    return (await this.send("GET", `/api/v1/users/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** Changes what the body says: role, is_disabled, oidc_subject or password. Fewer rights, another password, or another oidc_subject than there was, end the user's logins. */
  async changeUser(id: string, body: records.UserRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.UserAnswer> {
    return (await this.send("PATCH", `/api/v1/users/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** Removes a user with all logins; the last administrator stays. */
  async deleteUser(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/users/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** The org's API keys that stand, newest first; what they are is told once, when they are made. */
  async listTokens<Fields extends string = never>(query: { created_by?: string; role?: "anonymous" | "viewer" | "operator" | "privacy_officer" | "admin" | "platform"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.ApiKey, Fields>>> {
    return (await this.send("GET", `/api/v1/tokens`, query, undefined, call)).json();
  }

  /** A new API key, which may be held to some routes and cameras. */
  async createToken(body: records.ApiKeyRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.ApiKeyAnswer> {
    return (await this.send("POST", `/api/v1/tokens`, query, body, call)).json();
  }

  /** Ends an API key at once, where its role is not above one's own. */
  async revokeToken(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/tokens/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** Incidents by the time of their last signal, newest first. Who goes through pages of those that still go on may meet one twice. */
  async listIncidents<Fields extends string = never>(query: { camera_id?: string; site_id?: string; service?: "antitheft" | "education" | "safety" | "occupancy" | "identity" | "vehicles" | "system"; kind?: string; severity?: "info" | "low" | "medium" | "high" | "critical"; status?: "open" | "acknowledged" | "resolved" | "dismissed"; assignee?: string; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Incident, Fields>>> {
    return (await this.send("GET", `/api/v1/incidents`, query, undefined, call)).json();
  }

  /** One incident, with its ETag. */
  async getIncident(id: string, call: Call = {}): Promise<records.Incident> {
    return (await this.send("GET", `/api/v1/incidents/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** Someone has seen it and looks after it; 409 unless it is open. */
  async acknowledgeIncident(id: string, body: records.IncidentStepInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Incident> {
    return (await this.send("POST", `/api/v1/incidents/${encodeURIComponent(id)}/acknowledge`, query, body, call)).json();
  }

  /** It is over and done with: signals that still come begin another. */
  async resolveIncident(id: string, body: records.IncidentStepInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Incident> {
    return (await this.send("POST", `/api/v1/incidents/${encodeURIComponent(id)}/resolve`, query, body, call)).json();
  }

  /** It was nothing: signals that still come are added to it in silence. */
  async dismissIncident(id: string, body: records.IncidentStepInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Incident> {
    return (await this.send("POST", `/api/v1/incidents/${encodeURIComponent(id)}/dismiss`, query, body, call)).json();
  }

  /** It was resolved or dismissed too soon. */
  async reopenIncident(id: string, body: records.IncidentStepInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Incident> {
    return (await this.send("POST", `/api/v1/incidents/${encodeURIComponent(id)}/reopen`, query, body, call)).json();
  }

  /** Whose work it is: a user of the org, or, without one, nobody. */
  async assignIncident(id: string, body: records.IncidentAssignmentInput, query: { reason?: string } = {}, call: Call = {}): Promise<records.Incident> {
    return (await this.send("POST", `/api/v1/incidents/${encodeURIComponent(id)}/assign`, query, body, call)).json();
  }

  /** Adds a note. */
  async noteIncident(id: string, body: records.IncidentNoteRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Incident> {
    return (await this.send("POST", `/api/v1/incidents/${encodeURIComponent(id)}/notes`, query, body, call)).json();
  }

  /** Violations, newest first. Zones of kind restricted tell of restricted_zone; what people wear is told by no rule yet. */
  async listViolations<Fields extends string = never>(query: { camera_id?: string; site_id?: string; zone_id?: string; kind?: "restricted_zone" | "no_helmet" | "no_vest"; status?: "open" | "confirmed" | "dismissed"; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Violation, Fields>>> {
    return (await this.send("GET", `/api/v1/violations`, query, undefined, call)).json();
  }

  /** One violation, with its ETag. */
  async getViolation(id: string, call: Call = {}): Promise<records.Violation> {
    return (await this.send("GET", `/api/v1/violations/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** Says what was made of it. */
  async patchViolation(id: string, body: records.ViolationRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Violation> {
    return (await this.send("PATCH", `/api/v1/violations/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** The org's employees, newest first. */
  async listEmployees<Fields extends string = never>(query: { external_id?: string; department?: string; shift_id?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Employee, Fields>>> {
    return (await this.send("GET", `/api/v1/employees`, query, undefined, call)).json();
  }

  /** One of the employees, with its ETag. */
  async getEmployee(id: string, call: Call = {}): Promise<records.Employee> {
    return (await this.send("GET", `/api/v1/employees/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** Adds one to the employees. */
  async createEmployee(body: records.EmployeeRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Employee> {
    return (await this.send("POST", `/api/v1/employees`, query, body, call)).json();
  }

  /** Sets all of it anew. */
  async putEmployee(id: string, body: records.EmployeeRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Employee> {
    return (await this.send("PUT", `/api/v1/employees/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** Removes it; logs that name it stay. */
  async deleteEmployee(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/employees/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** The org's shifts, newest first. */
  async listShifts<Fields extends string = never>(query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Shift, Fields>>> {
    return (await this.send("GET", `/api/v1/shifts`, query, undefined, call)).json();
  }

  /** One of the shifts, with its ETag. */
  async getShift(id: string, call: Call = {}): Promise<records.Shift> {
    return (await this.send("GET", `/api/v1/shifts/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** Adds one to the shifts. */
  async createShift(body: records.ShiftRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Shift> {
    return (await this.send("POST", `/api/v1/shifts`, query, body, call)).json();
  }

  /** Sets all of it anew. */
  async putShift(id: string, body: records.ShiftRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Shift> {
    return (await this.send("PUT", `/api/v1/shifts/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** Removes it; logs that name it stay. */
  async deleteShift(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/shifts/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** The org's vehicles, newest first. */
  async listVehicles<Fields extends string = never>(query: { plate?: string; list?: "allowed" | "blocked" | "visitor"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.Vehicle, Fields>>> {
    return (await this.send("GET", `/api/v1/vehicles`, query, undefined, call)).json();
  }

  /** One of the vehicles, with its ETag. */
  async getVehicle(id: string, call: Call = {}): Promise<records.Vehicle> {
    return (await this.send("GET", `/api/v1/vehicles/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }

  /** Adds one to the vehicles. */
  async createVehicle(body: records.VehicleRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Vehicle> {
    return (await this.send("POST", `/api/v1/vehicles`, query, body, call)).json();
  }

  /** Sets all of it anew. */
  async putVehicle(id: string, body: records.VehicleRequest, query: { reason?: string } = {}, call: Call = {}): Promise<records.Vehicle> {
    return (await this.send("PUT", `/api/v1/vehicles/${encodeURIComponent(id)}`, query, body, call)).json();
  }

  /** Removes it; logs that name it stay. */
  async deleteVehicle(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("DELETE", `/api/v1/vehicles/${encodeURIComponent(id)}`, query, undefined, call);
  }

  /** Who came to which door, newest first. Nothing writes these yet: faces are not recognised. */
  async listAccessLogs<Fields extends string = never>(query: { camera_id?: string; site_id?: string; employee_id?: string; door?: string; direction?: "in" | "out"; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.AccessLog, Fields>>> {
    return (await this.send("GET", `/api/v1/access-logs`, query, undefined, call)).json();
  }

  /** Employees' days at work, newest first. Nothing writes these yet: faces are not recognised. */
  async listAttendance<Fields extends string = never>(query: { employee_id?: string; status?: "present" | "late" | "absent" | "half_day" | "on_leave"; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.AttendanceRecord, Fields>>> {
    return (await this.send("GET", `/api/v1/attendance`, query, undefined, call)).json();
  }

  /** Which vehicle passed which gate, newest first. Nothing writes these yet: plates are not read. */
  async listVehicleLogs<Fields extends string = never>(query: { camera_id?: string; site_id?: string; plate?: string; gate?: string; direction?: "in" | "out"; list?: "allowed" | "blocked" | "visitor"; from?: string; to?: string; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.VehicleLog, Fields>>> {
    return (await this.send("GET", `/api/v1/vehicle-logs`, query, undefined, call)).json();
  }

  /** The tracks of a camera that were seen within a time, in the order in which they began. They are kept for retention.track_days, where workers.store_tracks has them kept. */
  async listTracks<Fields extends string = never>(query: { camera_id: string; from: string; to: string; object_class?: string; limit?: number; cursor?: string; fields?: Fields }, call: Call = {}): Promise<Page<Chosen<records.TrackSummary, Fields>>> {
    return (await this.send("GET", `/api/v1/tracks`, query, undefined, call)).json();
  }

  /** Where one of them went. */
  async getTrack(id: number, query: { camera_id: string; from: string; to: string; limit?: number }, call: Call = {}): Promise<records.TrackPath> {
    return (await this.send("GET", `/api/v1/tracks/${encodeURIComponent(id)}`, query, undefined, call)).json();
  }

  /** A site's day, week or month: signals by camera, kind and severity, incidents by kind, what lines and zones counted (in hours that are rolled up), and for how much of the time that it was watched each camera was on line while the server ran. Of a period that goes on, what there is so far. */
  async getReport<Fields extends string = never>(query: { site_id: string; period?: "day" | "week" | "month"; at?: string; limit?: number; cursor?: string; fields?: Fields }, call: Call = {}): Promise<Page<Chosen<records.ReportLine, Fields>>> {
    return (await this.send("GET", `/api/v1/reports`, query, undefined, call)).json();
  }

  /** Who is told of the org's signals, by webhook and MQTT, and how each of them is: those of the settings, at most 64 webhooks and 16 brokers. */
  async listNotifyEndpoints<Fields extends string = never>(query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.EndpointHealth, Fields>>> {
    return (await this.send("GET", `/api/v1/notify/endpoints`, query, undefined, call)).json();
  }

  /** Tells a webhook again that had answered 410 Gone. */
  async enableWebhook(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("POST", `/api/v1/notify/webhooks/${encodeURIComponent(id)}/enable`, query, undefined, call);
  }

  /** Notifications that could not be delivered, newest first. */
  async listDeadLetters<Fields extends string = never>(query: { limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.DeadLetter, Fields>>> {
    return (await this.send("GET", `/api/v1/notify/dead-letters`, query, undefined, call)).json();
  }

  /** Puts what could not be delivered of an event into the queues of its endpoints again; 409 where none takes it. */
  async retryDeadLetter(id: string, query: { reason?: string } = {}, call: Call = {}): Promise<void> {
    await this.send("POST", `/api/v1/notify/dead-letters/${encodeURIComponent(id)}/retry`, query, undefined, call);
  }

  /** The models that the server has, by id, and what it uses them for. */
  async listModels<Fields extends string = never>(query: { family?: "yolox" | "yolov5" | "yolov8" | "nanodet" | "ssd" | "ultraface" | "yunet" | "lpd_yunet" | "classifier" | "embedder" | "plate_slots" | "plate_ctc" | "end_to_end" | "nanodet_plus"; limit?: number; cursor?: string; fields?: Fields } = {}, call: Call = {}): Promise<Page<Chosen<records.ModelView, Fields>>> {
    return (await this.send("GET", `/api/v1/models`, query, undefined, call)).json();
  }

  /** One model, with its ETag. `vedette model add` and `check` on the server change and try them. */
  async getModel(id: string, call: Call = {}): Promise<records.ModelView> {
    return (await this.send("GET", `/api/v1/models/${encodeURIComponent(id)}`, {}, undefined, call)).json();
  }
}

/** Each may do what those before it may. */
export const roles = ["anonymous", "viewer", "operator", "privacy_officer", "admin", "platform"] as const;
export type Role = (typeof roles)[number];

/** The least role that may call each operation. */
export const leastRoles = {
  getHealth: "anonymous",
  getLiveness: "anonymous",
  getReadiness: "anonymous",
  getMetrics: "anonymous",
  getQueueStats: "anonymous",
  getQueue: "viewer",
  login: "anonymous",
  getLoginWays: "anonymous",
  refresh: "anonymous",
  logout: "viewer",
  getMe: "viewer",
  changePassword: "viewer",
  listSessions: "viewer",
  endSession: "viewer",
  listCameras: "viewer",
  getCamera: "viewer",
  getCameraHealth: "viewer",
  createCamera: "admin",
  patchCamera: "admin",
  deleteCamera: "admin",
  testSource: "admin",
  testCamera: "admin",
  getPreview: "viewer",
  listLines: "viewer",
  listZones: "viewer",
  listCameraZones: "viewer",
  createZone: "admin",
  getZone: "viewer",
  putZone: "admin",
  deleteZone: "admin",
  listCameraLines: "viewer",
  createLine: "admin",
  getLine: "viewer",
  putLine: "admin",
  deleteLine: "admin",
  listBreakers: "viewer",
  forceBreaker: "admin",
  listEvents: "viewer",
  getEvent: "viewer",
  sendEvents: "operator",
  listSignals: "viewer",
  getSignal: "viewer",
  listOccupancy: "viewer",
  listJobs: "admin",
  listJobRuns: "admin",
  listJobTimes: "admin",
  runJob: "admin",
  pauseJob: "admin",
  resumeJob: "admin",
  listRetention: "admin",
  confirmClock: "admin",
  listLegalHolds: "admin",
  createLegalHold: "admin",
  releaseLegalHold: "admin",
  listAudit: "admin",
  verifyAudit: "admin",
  getPoliciesInForce: "viewer",
  listPolicies: "viewer",
  getPolicy: "viewer",
  putPolicy: "admin",
  patchPolicy: "admin",
  deletePolicy: "admin",
  getEffectivePolicy: "viewer",
  listPolicyRevisions: "viewer",
  rollBackPolicy: "admin",
  validatePolicy: "viewer",
  changePolicyByWebhook: "anonymous",
  startBacktest: "admin",
  getBacktest: "viewer",
  openWebSocket: "viewer",
  streamEvents: "viewer",
  getOpenapi: "anonymous",
  getDocs: "anonymous",
  getDocsStyle: "anonymous",
  detect: "operator",
  listOrgs: "admin",
  getOrg: "admin",
  createOrg: "platform",
  patchOrg: "admin",
  deleteOrg: "platform",
  listSites: "viewer",
  createSite: "admin",
  getSite: "viewer",
  putSite: "admin",
  deleteSite: "admin",
  listErrors: "admin",
  getLogLevels: "admin",
  setLogLevels: "admin",
  beginOidcLogin: "anonymous",
  endOidcLogin: "anonymous",
  listUsers: "admin",
  createUser: "admin",
  getUser: "admin",
  changeUser: "admin",
  deleteUser: "admin",
  listTokens: "admin",
  createToken: "admin",
  revokeToken: "admin",
  listIncidents: "viewer",
  getIncident: "viewer",
  acknowledgeIncident: "operator",
  resolveIncident: "operator",
  dismissIncident: "operator",
  reopenIncident: "operator",
  assignIncident: "operator",
  noteIncident: "operator",
  listViolations: "viewer",
  getViolation: "viewer",
  patchViolation: "operator",
  listEmployees: "operator",
  getEmployee: "operator",
  createEmployee: "admin",
  putEmployee: "admin",
  deleteEmployee: "admin",
  listShifts: "operator",
  getShift: "operator",
  createShift: "admin",
  putShift: "admin",
  deleteShift: "admin",
  listVehicles: "operator",
  getVehicle: "operator",
  createVehicle: "admin",
  putVehicle: "admin",
  deleteVehicle: "admin",
  listAccessLogs: "operator",
  listAttendance: "operator",
  listVehicleLogs: "operator",
  listTracks: "viewer",
  getTrack: "viewer",
  getReport: "viewer",
  listNotifyEndpoints: "operator",
  enableWebhook: "admin",
  listDeadLetters: "operator",
  retryDeadLetter: "admin",
  listModels: "viewer",
  getModel: "viewer",
} as const satisfies Record<string, Role>;

export function mayCall(role: Role, operation: keyof typeof leastRoles): boolean {
  return roles.indexOf(role) >= roles.indexOf(leastRoles[operation]);
}
