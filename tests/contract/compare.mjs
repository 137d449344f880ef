// Case A6: what a client of the released contract relies on is still so. Each function returns what is broken, in words.

/** What a reference names, if anything; without one, the thing itself. */
export function named(thing, contract) {
  if (!thing?.$ref) return thing;
  const steps = thing.$ref.split("/").slice(1);
  return named(steps.reduce((place, step) => place?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], contract), contract);
}

/** Two parts of an allOf as one schema; a field of both is an allOf of its own. */
function joined(one, other) {
  const properties = { ...one.properties };
  for (const [name, schema] of Object.entries(other.properties ?? {})) properties[name] = properties[name] ? { allOf: [properties[name], schema] } : schema;
  return { ...one, ...other, properties, required: [...(one.required ?? []), ...(other.required ?? [])] };
}

/** The types of JSON Schema as OpenAPI 3.0 says them. */
function withoutNull(types) {
  const others = types.filter((type) => type !== "null");
  return { type: others.length === 1 ? others[0] : others, nullable: others.length < types.length };
}

function whole(schema, contract) {
  if (!schema) return {};
  if (schema.$ref) return whole(named(schema, contract), contract);
  const { allOf, const: word, ...own } = schema;
  if (word !== undefined) own.enum = [word];
  if (Array.isArray(own.type)) Object.assign(own, withoutNull(own.type));
  return (allOf ?? []).map((part) => whole(part, contract)).reduce(joined, own);
}

const isNarrower = { minimum: Math.max, minLength: Math.max, minItems: Math.max, maximum: Math.min, maxLength: Math.min, maxItems: Math.min };

/** What of a value `given` the `taker` would refuse, of the value itself. */
function refusals(taker, given, isInput) {
  const found = [];
  const say = (ofInput, ofAnswer) => found.push(isInput ? ofInput : ofAnswer);
  if (taker.enum && !given.enum) say("takes some words alone now", "may be any word now");
  for (const word of (taker.enum && given.enum) ?? []) if (!taker.enum.includes(word)) say(`${word} is no longer taken`, `${word} is new in answers`);
  for (const shape of ["pattern", "format"]) if (taker[shape] && taker[shape] !== given[shape]) say(`must look otherwise now (${shape})`, `may look otherwise now (${shape})`);
  if (given.nullable && !taker.nullable) say("may be null no longer", "may be null now");
  for (const [bound, narrower] of Object.entries(isNarrower))
    if (taker[bound] !== undefined && (given[bound] === undefined || narrower(given[bound], taker[bound]) !== given[bound])) say(`${bound} is narrower`, `${bound} is wider`);
  if (taker.items && !given.items) say("takes some items alone now", "may have any items now");
  return found;
}

/** The same of the fields that are not named. */
function refusedFields(taker, given, isInput) {
  const [takes, gives] = [taker.additionalProperties ?? true, given.additionalProperties ?? true];
  if (isInput && takes === false && gives !== false) return ["takes no other fields now"];
  if (typeof takes === "object" && gives === true) return [isInput ? "takes some values alone now" : "may have any values now"];
  return [];
}

/** What a value may be one of, each as it is referred to; what is no choice is the one. */
function choices(schema, contract) {
  return whole(schema, contract).anyOf ?? [schema];
}

/** Says nothing but words: what is described later was not open before, but only not told. */
function isUntold(schema) {
  return Object.keys(schema).every((key) => key === "description");
}

/** Each that is given finds one of its name, or else any, that takes it. */
function compareChoices(before, after, was, is, where, isInput, seen) {
  const compare = (one, other, known) => (isInput ? compareSchemas(one, other, was, is, where, true, known) : compareSchemas(other, one, was, is, where, false, known));
  const [given, takers] = isInput ? [choices(before, was), choices(after, is)] : [choices(after, is), choices(before, was)];
  return given.flatMap((one) => {
    const same = takers.find(({ $ref }) => $ref && $ref === one.$ref);
    if (same) return compare(one, same, seen);
    const isTaken = takers.some((other) => compare(one, other, new Set(seen)).length === 0);
    return isTaken ? [] : [`${where}: ${one.$ref?.split("/").pop() ?? "one of several"} is ${isInput ? "no longer taken" : "new in answers"}`];
  });
}

/** `isInput`: what is sent may be taken more widely and never more narrowly; what is answered, the other way round. */
export function compareSchemas(before, after, was, is, where, isInput, seen = new Set()) {
  const pair = `${before?.$ref} ${after?.$ref}`;
  if (before?.$ref && after?.$ref && seen.has(pair)) return [];
  seen.add(pair);
  const [old, now] = [whole(before, was), whole(after, is)];
  if (isUntold(old)) return [];
  if (old.anyOf || now.anyOf) return isUntold(now) ? (isInput ? [] : [`${where}: may be anything now`]) : compareChoices(before, after, was, is, where, isInput, seen);
  if (JSON.stringify(old.type) !== JSON.stringify(now.type)) return [`${where}: was ${old.type}, is ${now.type}`];
  const [taker, given] = isInput ? [now, old] : [old, now];
  const broken = [...refusals(taker, given, isInput), ...refusedFields(taker, given, isInput)].map((words) => `${where}: ${words}`);
  if (isInput && old.default !== undefined && JSON.stringify(old.default) !== JSON.stringify(now.default)) broken.push(`${where}: left out, it was ${old.default} and is ${now.default}`);
  for (const name of taker.required ?? []) if (!(given.required ?? []).includes(name)) broken.push(`${where}.${name}: ${isInput ? "must be given now" : "may be left out now"}`);
  const compare = (one, other, place) => broken.push(...compareSchemas(one, other, was, is, where + place, isInput, seen));
  for (const [name, member] of Object.entries(old.properties ?? {})) {
    if (!now.properties?.[name]) broken.push(`${where}.${name}: is gone`);
    else if (isInput || name !== "schema_version") compare(member, now.properties[name], `.${name}`); // which grows, as is promised
  }
  if (old.items && now.items) compare(old.items, now.items, "[]");
  if (typeof old.additionalProperties === "object" && typeof now.additionalProperties === "object") compare(old.additionalProperties, now.additionalProperties, ".*");
  return broken;
}

const ROLES = ["anonymous", "viewer", "operator", "privacy_officer", "admin", "platform"];

/** Each way to be let in that was is one still. */
function compareSecurity(old, now, where) {
  const ways = (operation) => (operation.security?.length ? operation.security : [{}]).map((way) => JSON.stringify(way));
  return ways(old).filter((way) => !ways(now).includes(way)).map((way) => `${where}: lets nobody in by ${way} any more`);
}

function compareParameters(old, now, was, is, where) {
  const broken = [];
  const [before, after] = [[old, was], [now, is]].map(([operation, contract]) => (operation.parameters ?? []).map((parameter) => named(parameter, contract)));
  const find = (parameters, { name, in: place }) => parameters.find((other) => other.name === name && other.in === place);
  for (const parameter of before) {
    const same = find(after, parameter);
    if (!same) broken.push(`${where}: takes ${parameter.name} no longer`);
    else broken.push(...compareSchemas(parameter.schema, same.schema, was, is, `${where}?${parameter.name}`, true));
  }
  for (const parameter of after) if (parameter.required && !find(before, parameter)?.required) broken.push(`${where}: needs ${parameter.name} now`);
  return broken;
}

/** `does`: what is done with a type of content, "takes" or "answers". */
function compareContents(old, now, was, is, where, does) {
  return Object.entries(old ?? {}).flatMap(([type, media]) =>
    now?.[type] ? compareSchemas(media.schema, now[type].schema, was, is, where, does === "takes") : [`${where}: ${does} ${type} no longer`],
  );
}

/** What an operation refuses no longer breaks nobody; a refusal that none knows any more was another's way to go on. */
function isRefusal(status) {
  return /^[45]/.test(status);
}

function compareRefusals(was, is) {
  const refusals = (contract) => new Set(Object.values(contract.paths).flatMap((methods) => Object.values(methods).flatMap(({ responses }) => Object.keys(responses).filter(isRefusal))));
  const left = refusals(is);
  return [...refusals(was)].filter((status) => !left.has(status)).map((status) => `nothing answers ${status} any more`);
}

function compareAnswers(old, now, was, is, where) {
  return Object.entries(old.responses).flatMap(([status, response]) => {
    const [before, after] = [named(response, was), named(now.responses[status], is)];
    if (!after) return isRefusal(status) ? [] : [`${where}: answers ${status} no longer`];
    const headers = Object.entries(before.headers ?? {}).flatMap(([name, header]) => {
      const [one, other] = [named(header, was), named(after.headers?.[name], is)];
      if (!other) return [`${where}: ${status} has no ${name} any more`];
      const left = one.required && !other.required ? [`${where}: ${status} may have no ${name} now`] : [];
      return [...left, ...compareSchemas(one.schema, other.schema, was, is, `${where} ${status} ${name}`, false)];
    });
    return [...headers, ...compareContents(before.content, after.content, was, is, `${where} ${status}`, "answers")];
  });
}

function compareOperations(old, now, was, is, where) {
  if (!now) return [`${where}: is gone`];
  const broken = [];
  if (old.operationId !== now.operationId) broken.push(`${where}: was called ${old.operationId}`);
  if (ROLES.indexOf(now["x-role"]) > ROLES.indexOf(old["x-role"])) broken.push(`${where}: needs the role ${now["x-role"]} now`);
  if (now.requestBody?.required && !old.requestBody?.required) broken.push(`${where}: needs a body now`);
  return [
    ...broken,
    ...compareSecurity(old, now, where),
    ...compareParameters(old, now, was, is, where),
    ...compareContents(old.requestBody?.content, now.requestBody?.content, was, is, `${where} body`, "takes"),
    ...compareAnswers(old, now, was, is, where),
  ];
}

/** What stands behind the names of the ways to be let in. */
function compareSchemes(was, is) {
  const told = (contract, name) => JSON.stringify({ ...contract.components.securitySchemes[name], description: undefined });
  return Object.keys(was.components.securitySchemes).filter((name) => told(was, name) !== told(is, name)).map((name) => `the login by ${name} is another`);
}

export function breakingChanges(was, is) {
  const operations = Object.entries(was.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => compareOperations(operation, is.paths[path]?.[method], was, is, `${method.toUpperCase()} ${path}`)),
  );
  return [...compareSchemes(was, is), ...compareRefusals(was, is), ...operations];
}
