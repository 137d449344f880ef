// Case A6: what a client of the released contract relies on is still so. Each function returns what is broken, in words.
function members(schema, contract) {
  if (!schema) return { properties: {}, required: [] };
  if (schema.$ref) return members(contract.components.schemas[schema.$ref.split("/").pop()], contract);
  if (schema.allOf) return members(schema.allOf[0], contract);
  return schema;
}

/** Also of one that is said beside a reference. */
function isNullable(schema, contract) {
  return schema?.nullable === true || members(schema, contract).nullable === true;
}

/** `isInput`: what is sent may be taken more widely and never more narrowly; what is answered, the other way round. */
function compareSchemas(before, after, was, is, where, isInput, seen) {
  const [old, now] = [members(before, was), members(after, is)];
  const pair = `${before?.$ref ?? where} ${isInput}`;
  if (before?.$ref && seen.has(pair)) return [];
  seen.add(pair);
  const broken = [];
  if (JSON.stringify(old.type) !== JSON.stringify(now.type)) return [`${where}: was ${old.type}, is ${now.type}`];
  if (old.enum && now.enum) {
    const [must, may] = isInput ? [old.enum, now.enum] : [now.enum, old.enum];
    for (const value of must) if (!may.includes(value)) broken.push(`${where}: ${value} is ${isInput ? "no longer taken" : "new in answers"}`);
  }
  const [narrow, wide] = isInput ? [now, old] : [old, now];
  if (narrow.enum && !wide.enum) broken.push(`${where}: ${isInput ? "takes some words alone now" : "may be any word now"}`);
  if (narrow.pattern && narrow.pattern !== wide.pattern) broken.push(`${where}: ${isInput ? "must look otherwise now" : "may look otherwise now"}`);
  const [mayBeNull, mustTakeNull] = isInput ? [before, after] : [after, before];
  const [ofMay, ofMust] = isInput ? [was, is] : [is, was];
  if (isNullable(mayBeNull, ofMay) && !isNullable(mustTakeNull, ofMust)) broken.push(`${where}: ${isInput ? "may be null no longer" : "may be null now"}`);
  if (isInput)
    for (const [bound, isNarrower] of [["minimum", (a, b) => b > a], ["maximum", (a, b) => b < a], ["minLength", (a, b) => b > a], ["maxLength", (a, b) => b < a], ["minItems", (a, b) => b > a], ["maxItems", (a, b) => b < a]])
      if (now[bound] !== undefined && isNarrower(old[bound] ?? (bound.startsWith("min") ? -Infinity : Infinity), now[bound])) broken.push(`${where}: ${bound} is narrower`);
  for (const [name, member] of Object.entries(old.properties ?? {})) {
    if (!now.properties?.[name]) broken.push(`${where}.${name}: is gone`);
    else broken.push(...compareSchemas(member, now.properties[name], was, is, `${where}.${name}`, isInput, seen));
  }
  const [fewer, more] = isInput ? [old, now] : [now, old];
  for (const name of more.required ?? [])
    if (!(fewer.required ?? []).includes(name) && (isInput || old.properties?.[name])) broken.push(`${where}.${name}: ${isInput ? "must be given now" : "may be left out now"}`);
  if (old.items && now.items) broken.push(...compareSchemas(old.items, now.items, was, is, `${where}[]`, isInput, seen));
  return broken;
}

const ROLES = ["anonymous", "viewer", "operator", "privacy_officer", "admin", "platform"];

function compareOperations(old, now, was, is, where) {
  if (!now) return [`${where}: is gone`];
  const broken = [];
  if (old.operationId !== now.operationId) broken.push(`${where}: was called ${old.operationId}`);
  if (ROLES.indexOf(now["x-role"]) > ROLES.indexOf(old["x-role"])) broken.push(`${where}: needs the role ${now["x-role"]} now`);
  const find = (operation, { name, in: place }) => (operation.parameters ?? []).find((other) => other.name === name && other.in === place);
  for (const parameter of (old.parameters ?? []).filter(({ name }) => name)) {
    const same = find(now, parameter);
    if (!same) broken.push(`${where}: takes ${parameter.name} no longer`);
    else broken.push(...compareSchemas(parameter.schema, same.schema, was, is, `${where}?${parameter.name}`, true, new Set()));
  }
  for (const parameter of now.parameters ?? []) if (parameter.required && !find(old, parameter)) broken.push(`${where}: needs ${parameter.name} now`);
  for (const [type, media] of Object.entries(old.requestBody?.content ?? {})) {
    const same = now.requestBody?.content?.[type];
    if (!same) broken.push(`${where}: takes ${type} no longer`);
    else broken.push(...compareSchemas(media.schema, same.schema, was, is, `${where} body`, true, new Set()));
  }
  for (const [status, answer] of Object.entries(old.responses)) {
    if (!/^2/.test(status)) continue;
    if (!now.responses[status]) broken.push(`${where}: answers ${status} no longer`);
    for (const [type, media] of Object.entries(answer.content ?? {})) {
      const same = now.responses[status]?.content?.[type];
      if (!same) broken.push(`${where}: answers ${type} no longer`);
      else broken.push(...compareSchemas(media.schema, same.schema, was, is, `${where} ${status}`, false, new Set()));
    }
  }
  return broken;
}

export function breakingChanges(was, is) {
  return Object.entries(was.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => compareOperations(operation, is.paths[path]?.[method], was, is, `${method.toUpperCase()} ${path}`)),
  );
}
